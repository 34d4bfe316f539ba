"""Real containers without a registry: an image that is a skeleton, and services that see this machine's `/usr`."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from deploy.sandbox.tiki_pipeline import machine

LIBRARIES = Path("/etc/ld.so.cache")  # where they are: an image for each state of this machine
SUM = hashlib.sha256(LIBRARIES.read_bytes() if LIBRARIES.exists() else b"").hexdigest()[:12]
IMAGE = f"hostbind-of-tests:{SUM}"
LINKS = ("bin", "sbin", "lib", "lib64")
FOLDERS = ("etc/ssl", "tmp", "var/lib", "run", "proc", "sys", "dev", "root", "usr", "home", "srv")
PASSWD = "root:x:0:0::/root:/bin/sh\npostgres:x:70:70::/tmp:/bin/sh\n"


def image() -> str:
    """The image, made once: a container must not look outdated because another worker has made it again."""
    with machine.only_one("hostbind-of-tests"):
        if not docker("images", "-q", IMAGE):
            with tempfile.TemporaryDirectory(prefix="hostbind-") as name:
                _make(Path(name))
    return IMAGE


def _make(root: Path) -> None:
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    for link in LINKS:
        if Path(f"/usr/{link}").exists():
            (root / link).symlink_to(f"usr/{link}")
    if LIBRARIES.exists():
        shutil.copy(LIBRARIES, root / "etc")
    if Path("/etc/alternatives").is_dir():
        shutil.copytree("/etc/alternatives", root / "etc/alternatives", symlinks=True)
    (root / "etc/passwd").write_text(PASSWD)
    (root / "etc/group").write_text("root:x:0:\npostgres:x:70:\n")
    tar = subprocess.run(["tar", "-C", str(root), "-c", "."], capture_output=True, check=True).stdout
    subprocess.run(["docker", "import", "-", IMAGE], input=tar, capture_output=True, check=True)


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.strip()


def remove(project: str) -> None:
    """Take away everything of a project of these tests, volumes included."""
    label = f"label=com.docker.compose.project={project}"
    for listing, removal in (
        (["ps", "-aq"], ["rm", "-f"]),
        (["volume", "ls", "-q"], ["volume", "rm"]),
        (["network", "ls", "-q"], ["network", "rm"]),
    ):
        if found := docker(*listing, "--filter", label).split():
            docker(*removal, *found)
