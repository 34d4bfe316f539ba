"""Small text files of a host, read and replaced through its shell."""

from __future__ import annotations

import secrets as random
import shlex

from deploy.channels.change import execute
from deploy.channels.transport import Transport
from deploy.command import Script

ABSENT = 44  # our own exit: we looked, and there is no such file
TIMEOUT = 30.0


def read(path: str, transport: Transport) -> str | None:
    """The text of a file; None when there is none. Raises CommandFailed when one cannot tell.

    A folder that may not be searched hides whether a file is there, so it is looked up folder by folder.
    """
    look = f"""
path={shlex.quote(path)}
if [ -e "$path" ] || [ -L "$path" ]; then exec cat -- "$path"; fi
folder=$path
while [ ! -d "$folder" ]; do
  case $folder in */?*) folder=${{folder%/*}} ;; *) folder=. ;; esac
  folder=${{folder:-/}}
done
if [ -x "$folder" ]; then exit {ABSENT}; fi
echo "$folder: permission denied" >&2
exit 1"""
    command = Script(look, exits=frozenset({0, ABSENT}), timeout=TIMEOUT, note=f"read {path}")
    found = execute(command, transport)
    return None if found.exit == ABSENT else found.out


def write(path: str, text: str, mode: int, transport: Transport) -> None:
    """Replace a file atomically and durably; folders that are missing are made for the owner alone.

    The text reaches the host over the shell's standard input. Raises CommandFailed, and the old file stays then.
    """
    new = f"{path}.{random.token_hex(4)}.new"
    replace = f"""
umask 077
folder={shlex.quote(path.rpartition("/")[0] or ("/" if path.startswith("/") else "."))}
new={shlex.quote(new)}
trap 'rm -f -- "$new"' EXIT
mkdir -p -- "$folder"
printf %s {shlex.quote(text)} > "$new"
chmod {mode:o} -- "$new"
sync -- "$new" 2>/dev/null || sync
mv -f -- "$new" {shlex.quote(path)}
sync -- "$folder" 2>/dev/null || sync"""
    execute(Script(replace, timeout=TIMEOUT, note=f"write {path}"), transport)
