"""The control folder: journals, the lock and its fencing token. It lies on the control host, wherever that is.

On another host, each change is made there first and then in a mirror on this machine, so that what happened can be
read here even when that host is lost. Its own clock tells how old a heartbeat is.
"""

from __future__ import annotations

import errno
import os
import shlex
import threading
import time
from pathlib import Path
from typing import Protocol

from deploy import durable
from deploy.channels import change
from deploy.channels.transport import Transport
from deploy.command import Completed, Script
from deploy.errors import CommandFailed

NO = 44  # our own exit: looked, and it is not so
TIMEOUT = 30.0


class ControlFolder(Protocol):
    """What locks and journals need of the folder; names are relative to it, `folder` is it or its mirror here.

    Whatever changes is on the disk when a method returns. Raises OSError where it cannot be read or written.
    """

    folder: Path

    def text(self, name: str) -> str | None: ...
    def claim(self, name: str, text: str) -> bool: ...
    def replace(self, name: str, text: str) -> None: ...
    def record(self, name: str, line: str, head: str) -> None: ...
    def cut(self, name: str, size: int) -> None: ...
    def touch(self, name: str, text: str) -> bool: ...
    def remove(self, name: str, text: str) -> bool: ...
    def rename(self, name: str, to: str) -> None: ...
    def age(self, name: str) -> float | None: ...
    def refresh(self) -> None: ...


class Here:
    """The control folder on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def text(self, name: str) -> str | None:
        try:
            return (self.folder / name).read_text()
        except FileNotFoundError:
            return None

    def claim(self, name: str, text: str) -> bool:
        """Make a file with this text unless there is one, in one instant; whether it was made."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.folder / f".{name}.{os.getpid()}.{threading.get_ident()}"
        draft.write_text(text)
        try:
            os.link(draft, self.folder / name)
        except FileExistsError:
            return False
        finally:
            draft.unlink()
        return True

    def replace(self, name: str, text: str) -> None:
        durable.replace(self.folder / name, text)

    def record(self, name: str, line: str, head: str) -> None:
        """Append a line to a journal, then note in its head how far it goes."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        durable.append(path, line)
        durable.replace(path.with_suffix(".head"), head)

    def cut(self, name: str, size: int) -> None:
        """Keep only the first bytes of a file."""
        with (self.folder / name).open("r+b") as file:
            file.truncate(size)
            os.fsync(file.fileno())

    def touch(self, name: str, text: str) -> bool:
        """A sign of life on a file, if its text is still this one."""
        if self.text(name) != text:
            return False
        try:
            os.utime(self.folder / name)
        except FileNotFoundError:
            return False
        return True

    def remove(self, name: str, text: str) -> bool:
        """Remove a file if its text is still this one."""
        if self.text(name) != text:
            return False
        (self.folder / name).unlink()
        return True

    def rename(self, name: str, to: str) -> None:
        (self.folder / name).replace(self.folder / to)

    def age(self, name: str) -> float | None:
        """Seconds since a file was written or touched; None when there is none."""
        try:
            return time.time() - (self.folder / name).stat().st_mtime
        except FileNotFoundError:
            return None

    def refresh(self) -> None:
        """Nothing to do: this is the folder itself."""


CLAIM = f"""
draft=.$$.draft
trap 'rm -f "$draft"' EXIT
printf %s {{text}} >"$draft"
ln "$draft" {{name}} 2>/dev/null || {{{{
  [ ! -e {{name}} ] || exit {NO}
  ln "$draft" {{name}}
}}}}"""

# what is given back in between must not come into being again, so `touch` makes no file
TOUCH = f"""
[ "$(cat {{name}} 2>/dev/null)" = {{text}} ] || exit {NO}
touch -c {{name}}"""

RECORD = """
mkdir -p -m 700 -- "$(dirname {name})"
size=0
if [ -e {name} ]; then size=$(wc -c <{name}); fi
if [ "$size" -ne {size} ]; then
  # asked again after the connection was lost: the line may be there already
  [ "$(tail -n 1 {name})" = {line} ] || {{ echo "{shown} has $size bytes, not {size}" >&2; exit 1; }}
else
  printf '%s\\n' {line} >>{name} || {{ truncate -s {size} {name}; exit 1; }}
fi
sync -- {name} 2>/dev/null || sync
printf %s {head} >{top}.new
mv -f -- {top}.new {top}"""

LISTING = """
for each in journals/*.jsonl journals/*.head; do
  [ ! -e "$each" ] || printf '%s %s\\n' "$(wc -c <"$each")" "$each"
done"""


class There:
    """The control folder on another host, with its mirror in `folder` on this machine."""

    def __init__(self, far: str, transport: Transport, folder: Path) -> None:
        self.far, self.transport, self.folder = far, transport, folder
        self.mirror = Here(folder)

    def text(self, name: str) -> str | None:
        done = self._run(f"[ -e {_q(name)} ] || exit {NO}\ncat -- {_q(name)}")
        return None if done.exit == NO else done.out

    def claim(self, name: str, text: str) -> bool:
        return self._run(CLAIM.format(name=_q(name), text=_q(text))).exit == 0

    def replace(self, name: str, text: str) -> None:
        self._run(f"printf %s {_q(text)} >{_q(name)}.new\nmv -f -- {_q(name)}.new {_q(name)}")

    def record(self, name: str, line: str, head: str) -> None:
        mirror = self.folder / name
        top = str(Path(name).with_suffix(".head"))
        size = mirror.stat().st_size if mirror.exists() else 0
        text = RECORD.format(name=_q(name), shown=name, size=size, line=_q(line), head=_q(head), top=_q(top))
        try:
            self._run(text)
        except OSError:
            self._run(text)
        self.mirror.record(name, line, head)

    def cut(self, name: str, size: int) -> None:
        self._run(f"truncate -s {size} {_q(name)}\nsync")
        self.mirror.cut(name, size)

    def touch(self, name: str, text: str) -> bool:
        return self._run(TOUCH.format(name=_q(name), text=_q(text))).exit == 0

    def remove(self, name: str, text: str) -> bool:
        return self._run(f'[ "$(cat {_q(name)} 2>/dev/null)" = {_q(text)} ] || exit {NO}\nrm {_q(name)}').exit == 0

    def rename(self, name: str, to: str) -> None:
        self._run(f"mv -f -- {_q(name)} {_q(to)}")

    def age(self, name: str) -> float | None:
        look = f"[ -e {_q(name)} ] || exit {NO}\nnow=$(date +%s)\necho $((now - $(stat -c %Y {_q(name)})))"
        done = self._run(look)
        return None if done.exit == NO else float(done.out)

    def refresh(self) -> None:
        """Bring the mirror in line: journals that are new there, or longer, are fetched.

        What that host does not have any more is kept in `gone`, apart from what counts.
        """
        lines = [line.split(" ", 1) for line in self._run(LISTING).out.splitlines()]
        listed = {name: int(size) for size, name in lines}
        for name, size in listed.items():
            path = self.folder / name
            if not path.exists() or path.stat().st_size != size or name.endswith(".head"):
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                durable.replace(path, self.text(name) or "")
        for path in [*self.folder.glob("journals/*.jsonl"), *self.folder.glob("journals/*.head")]:
            if f"journals/{path.name}" not in listed:
                (self.folder / "gone").mkdir(exist_ok=True, mode=0o700)
                path.replace(self.folder / "gone" / path.name)

    def _run(self, text: str) -> Completed:
        whole = f"umask 077\nmkdir -p -m 700 -- {_q(self.far)}\ncd -- {_q(self.far)}\n{text}"
        command = Script(whole, exits=frozenset({0, NO}), timeout=TIMEOUT, note="the control folder")
        try:
            return change.execute(command, self.transport)
        except CommandFailed as error:
            raise OSError(errno.EIO, str(error), self.far) from error


def _q(text: str) -> str:
    return shlex.quote(text)
