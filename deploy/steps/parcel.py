"""What a commit's release is to hold, and the one compressed stream of it that a host needs."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

from deploy.channels.git import Entry
from deploy.channels.transport import Payload
from deploy.errors import StepFailed

CHUNK = 1 << 18
ATTRIBUTES = re.compile(r"(?:.*/)?\.gitattributes", re.DOTALL)
SUM = re.compile(r"([0-9a-f]{64})  (\./.+)")
EXECUTABLE, LINK = "100755", "120000"


@dataclass(frozen=True)
class File:
    """One file of a release: git's mode, the sha256 of its content, for a link where it leads."""

    path: str
    mode: str
    sha256: str = ""
    target: str = ""

    def listed(self) -> str:
        """As the host lists it: `x` executable, `-` any other file, `l` a link."""
        if self.mode == LINK:
            return f"l ./{self.path} -> {self.target}\n"
        return f"{'x' if self.mode == EXECUTABLE else '-'} ./{self.path}\n"

    @property
    def content(self) -> str:
        """What another release must have at the same path for this file to be taken from there."""
        return f"{'x' if self.mode == EXECUTABLE else '-'} {self.sha256}"

    def summed(self) -> str:
        """A line for `sha256sum -c`, which escapes names of several lines."""
        if self.mode == LINK:
            return ""
        name = self.path.replace("\\", "\\\\").replace("\n", "\\n")
        return f"{'' if name == self.path else chr(92)}{self.sha256}  ./{name}\n"


@dataclass(frozen=True)
class Contents:
    """All files of a release, as two texts that a host can compare with what it has unpacked."""

    files: tuple[File, ...]

    @property
    def listing(self) -> bytes:
        lines = "".join(file.listed() for file in self.files).encode(errors="surrogateescape").split(b"\n")
        return b"".join(line + b"\n" for line in sorted(lines[:-1]))

    @property
    def sums(self) -> bytes:
        return "".join(file.summed() for file in self.files).encode(errors="surrogateescape")

    @property
    def digest(self) -> str:
        """The sha256 of both texts: it travels apart from them."""
        return hashlib.sha256(self.listing + self.sums).hexdigest()

    def reusable(self, earlier: Mapping[str, str]) -> set[str]:
        """The paths at which an earlier release has the same content and mode."""
        return {file.path for file in self.files if file.sha256 and earlier.get(f"./{file.path}") == file.content}


def contents(archive: tarfile.TarFile, entries: Mapping[str, Entry]) -> Contents:
    """What is in an archive, proven to be what the commit has, by git's own ids.

    Only attributes (export-ignore, export-subst, line ends) may make a difference. StepFailed for any other.
    """
    excused = any(ATTRIBUTES.fullmatch(path) for path in entries)
    found, wrong = [], []
    for member in archive:
        if member.isdir() or member.type == tarfile.XGLTYPE:
            continue
        file, blob = _read(archive, member, entries)
        known = entries.get(file.path)
        if known is None or known.mode != file.mode or (known.id != blob and not excused):
            wrong.append(file.path)
        found.append(file)
    if not excused:
        wrong += sorted(entries.keys() - {file.path for file in found})
    if wrong or not found:
        raise StepFailed(f"The archive is not the commit: {', '.join(map(repr, wrong[:10])) or 'it holds no file'}")
    return Contents(tuple(found))


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo, entries: Mapping[str, Entry]) -> tuple[File, str]:
    """A member, and the id that git gives to its content."""
    known = entries.get(member.name)
    name = "sha256" if known and len(known.id) == 64 else "sha1"  # as the repository was made
    if member.issym():
        target = member.linkname.encode(errors="surrogateescape")
        blob = hashlib.new(name, b"blob %d\0" % len(target) + target, usedforsecurity=False)
        return File(member.name, LINK, target=member.linkname), blob.hexdigest()
    blob, plain = hashlib.new(name, b"blob %d\0" % member.size, usedforsecurity=False), hashlib.sha256()
    stream = archive.extractfile(member)
    while stream and (chunk := stream.read(CHUNK)):
        blob.update(chunk)
        plain.update(chunk)
    return File(member.name, EXECUTABLE if member.mode & 0o100 else "100644", plain.hexdigest()), blob.hexdigest()


def intact(told: str) -> tuple[str, dict[str, str]]:
    """From a host's account of its newest release: its name, and what each file is that is still what it was.

    Without a release, the name is empty. Names that sha256sum escapes are left out, and are sent again.
    """
    release, sums, kept = "", {}, {}
    executable: set[str] = set()
    for line in told.split("\n"):
        if line.startswith("release "):
            release = line.removeprefix("release ")
        elif line.startswith("x ./"):
            executable.add(line.removeprefix("x "))
        elif match := SUM.fullmatch(line):
            sums[match[2]] = match[1]
        elif line.endswith(": OK") and (path := line.removesuffix(": OK")) in sums:
            kept[path] = sums[path]
    return release, {path: f"{'x' if path in executable else '-'} {found}" for path, found in kept.items()}


@contextmanager
def packed(archive: tarfile.TarFile, whole: Contents, reused: Collection[str]) -> Iterator[Payload]:
    """The stream: what to compare with, which files to take from the newest release, and all others."""
    with TemporaryFile() as spool:
        with (
            gzip.GzipFile(fileobj=spool, mode="wb", compresslevel=1, mtime=0) as pressed,
            tarfile.open(
                fileobj=pressed, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape"
            ) as parcel,
        ):
            for name, text in _papers(whole, reused).items():
                _add(parcel, tarfile.TarInfo(name), io.BytesIO(text), len(text))
            members = {member.name: member for member in archive}  # `getmember` looks through all of them
            for file in whole.files:
                if file.path not in reused:
                    _add_file(parcel, archive, members[file.path], file)
        size = spool.tell()
        spool.seek(0)
        yield Payload(size, iter(lambda: spool.read(CHUNK), b""))


def _papers(whole: Contents, reused: Collection[str]) -> dict[str, bytes]:
    sent = (file.path for file in whole.files if file.mode == EXECUTABLE and file.path not in reused)
    return {
        "listing": whole.listing,
        "sums": whole.sums,
        "executable": _named(sent),
        "reuse": _named(reused),
    }


def _named(paths: Iterable[str]) -> bytes:
    return "".join(f"./{path}\0" for path in paths).encode(errors="surrogateescape")


def _add_file(parcel: tarfile.TarFile, archive: tarfile.TarFile, member: tarfile.TarInfo, file: File) -> None:
    info = tarfile.TarInfo(f"tree/{file.path}")
    info.mtime = member.mtime
    if file.mode == LINK:
        info.type, info.linkname = tarfile.SYMTYPE, file.target
        parcel.addfile(info)
    else:
        _add(parcel, info, archive.extractfile(member), member.size)


def _add(parcel: tarfile.TarFile, info: tarfile.TarInfo, content: IO[bytes] | None, size: int) -> None:
    info.size = size
    parcel.addfile(info, content)
