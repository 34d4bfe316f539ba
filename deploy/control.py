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
from collections.abc import Mapping
from contextlib import suppress
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
    def swap(self, name: str, old: str, new: str) -> bool: ...
    def record(self, name: str, line: str, head: str, size: int) -> None: ...
    def cut(self, name: str, size: int) -> None: ...
    def touch(self, name: str, text: str) -> bool: ...
    def remove(self, name: str, text: str) -> bool: ...
    def rename(self, name: str, to: str, text: str) -> bool: ...
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

    def swap(self, name: str, old: str, new: str) -> bool:
        """Replace the text of a file (that there is none counts as empty) if it still is the old one."""
        if (self.text(name) or "").strip() != old:
            return False
        durable.replace(self.folder / name, new)
        return True

    def record(self, name: str, line: str, head: str, size: int) -> None:
        """Append a line to a journal of that size, then note in its head how far it goes."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        durable.append(path, line)
        durable.replace(path.with_suffix(".head"), head)

    def cut(self, name: str, size: int) -> None:
        """Keep only the first bytes of a file."""
        with (self.folder / name).open("r+b") as file:
            file.truncate(min(size, os.fstat(file.fileno()).st_size))
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
        try:
            (self.folder / name).unlink()
        except FileNotFoundError:
            return False
        return True

    def rename(self, name: str, to: str, text: str) -> bool:
        """Rename a file if its text is still this one."""
        if self.text(name) != text:
            return False
        try:
            (self.folder / name).replace(self.folder / to)
        except FileNotFoundError:
            return False
        return True

    def age(self, name: str) -> float | None:
        """Seconds since a file was written or touched; None when there is none."""
        try:
            return time.time() - (self.folder / name).stat().st_mtime
        except FileNotFoundError:
            return None

    def refresh(self) -> None:
        """Nothing to do: this is the folder itself."""


# A file's text is looked at and the file changed in one script: nobody's network stands between the two.
SAME = f"""
[ -e {{name}} ] && [ "$(cat {{name}})" = {{text}} ] || exit {NO}"""

DRAFT = """
draft=.$$.draft
trap 'rm -f "$draft"' EXIT
printf %s {text} >"$draft"
"""

CLAIM = f"""{DRAFT}
ln "$draft" {{name}} 2>/dev/null || {{{{
  [ ! -e {{name}} ] || exit {NO}
  ln "$draft" {{name}}
}}}}"""

SWAP = f"""
[ "$(cat {{name}} 2>/dev/null)" = {{old}} ] || exit {NO}{DRAFT}
mv -f -- "$draft" {{name}}"""

# what is given back in between must not come into being again, so `touch` makes no file
TOUCH = f"{SAME}\ntouch -c {{name}}"
REMOVE = f"{SAME}\nrm -f {{name}}"
RENAME = f"{SAME}\nmv -f -- {{name}} {{to}}"

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
printf %s {head} >{top}.$$
mv -f -- {top}.$$ {top}"""

# Heads before sizes, and what is longer is fetched later on: a head never tells of more than its journal has.
LISTING = """
for each in journals/*.head; do
  [ ! -e "$each" ] || printf '%s %s\\n' "$each" "$(cat "$each")"
done
for each in journals/*.jsonl; do
  [ ! -e "$each" ] || printf '%s %s\\n' "$each" "$(wc -c <"$each")"
done"""

Stamp = tuple[int, int, int]


class There:
    """The control folder on another host, with its mirror in `folder` on this machine."""

    def __init__(self, far: str, transport: Transport, folder: Path) -> None:
        self.far, self.transport, self.folder = far, transport, folder
        self.mirror = Here(folder)

    def text(self, name: str) -> str | None:
        done = self._run(f"[ -e {_q(name)} ] || exit {NO}\ncat -- {_q(name)}")
        return None if done.exit == NO else done.out

    def claim(self, name: str, text: str) -> bool:
        script = CLAIM.format(name=_q(name), text=_q(text))
        try:
            return self._run(script).exit == 0
        except OSError:  # it may have been made before the connection was lost
            return self._run(script).exit == 0 or self.text(name) == text

    def swap(self, name: str, old: str, new: str) -> bool:
        script = SWAP.format(name=_q(name), old=_q(old), text=_q(new))
        try:
            return self._run(script).exit == 0
        except OSError:  # if that was us, the answer is no; nobody is wronged by it
            return self._run(script).exit == 0

    def record(self, name: str, line: str, head: str, size: int) -> None:
        top = str(Path(name).with_suffix(".head"))
        text = RECORD.format(name=_q(name), shown=name, size=size, line=_q(line), head=_q(head), top=_q(top))
        try:
            self._run(text)
        except OSError:
            self._run(text)
        seen = self._stamps().get(name)
        if (seen[0] if seen else 0) == size:
            self.mirror.record(name, line, head, size)
        else:  # another command of this machine has brought it in line meanwhile, and knew less, or more
            durable.replace(self.folder / name, self._whole(name))
            durable.replace(self.folder / top, head)

    def cut(self, name: str, size: int) -> None:
        self._run(f"truncate -s {size} {_q(name)}\nsync")
        self.mirror.cut(name, size)

    def touch(self, name: str, text: str) -> bool:
        return self._run(TOUCH.format(name=_q(name), text=_q(text))).exit == 0

    def remove(self, name: str, text: str) -> bool:
        return self._run(REMOVE.format(name=_q(name), text=_q(text))).exit == 0

    def rename(self, name: str, to: str, text: str) -> bool:
        return self._run(RENAME.format(name=_q(name), to=_q(to), text=_q(text.rstrip("\n")))).exit == 0

    def age(self, name: str) -> float | None:
        look = f"[ -e {_q(name)} ] || exit {NO}\nnow=$(date +%s)\necho $((now - $(stat -c %Y {_q(name)})))"
        done = self._run(look)
        return None if done.exit == NO else float(done.out)

    def refresh(self) -> None:
        """Bring the mirror in line: journals that are new there, or longer, are fetched.

        What that host does not have any more is kept in `gone`, apart from what counts. What another command of this
        machine has written since we asked is newer than the answer, and stays.
        """
        before = self._stamps()
        listed = dict(line.split(" ", 1) for line in self._run(LISTING).out.splitlines())
        heads = {name: head for name, head in listed.items() if name.endswith(".head")}
        for name in sorted(set(listed) - set(heads)):
            if name not in before or before[name][0] != int(listed[name]):
                self._put(name, self._whole(name), before)
        for name, head in heads.items():
            if self.mirror.text(name) != head:
                self._put(name, head, before)
        for name in set(before) - set(listed):
            (self.folder / "gone").mkdir(exist_ok=True, mode=0o700)
            with suppress(FileNotFoundError):
                (self.folder / name).replace(self.folder / "gone" / Path(name).name)

    def _stamps(self) -> dict[str, Stamp]:
        """Size, time and number of each file of the mirror's journals."""
        found = {}
        for path in [*self.folder.glob("journals/*.jsonl"), *self.folder.glob("journals/*.head")]:
            with suppress(FileNotFoundError):
                seen = path.stat()
                found[f"journals/{path.name}"] = seen.st_size, seen.st_mtime_ns, seen.st_ino
        return found

    def _put(self, name: str, text: str, before: Mapping[str, Stamp]) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._stamps().get(name) == before.get(name):
            durable.replace(path, text)

    def _whole(self, name: str) -> str:
        """A journal as it is there; a line that is just being written is waited for, a torn one comes as it is."""
        text = self.text(name) or ""
        return text if text.endswith("\n") else self.text(name) or ""

    def _run(self, text: str) -> Completed:
        whole = f"umask 077\nmkdir -p -m 700 -- {_q(self.far)}\ncd -- {_q(self.far)}\n{text}"
        command = Script(whole, exits=frozenset({0, NO}), timeout=TIMEOUT, note="the control folder")
        try:
            return change.execute(command, self.transport)
        except CommandFailed as error:
            raise OSError(errno.EIO, str(error), self.far) from error


def _q(text: str) -> str:
    return shlex.quote(text)
