"""Compose files that belong to this machine: what the stand-in images need of the host, and the practice shop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deploy import durable
from deploy.sandbox import ports
from deploy.sandbox.tiki_pipeline.images import Programs

KINDS = {
    "postgres": "postgres",
    "redis": "redis",
    "airflow-init": "airflow",
    "airflow-apiserver": "airflow",
    "airflow-scheduler": "airflow",
    "airflow-dag-processor": "airflow",
    "airflow-worker": "airflow",
}
SHOP = Path(__file__).with_name("shop.py")
Document = dict[str, Any]


def stack(programs: Programs, project: str) -> Document:
    """The last of the stack's Compose files: the host's programs for all, the shop's network for the worker."""
    services: Document = {name: {"volumes": mounts(programs, kind)} for name, kind in KINDS.items()}
    services["airflow-worker"]["networks"] = ["default", "shop"]
    return {"services": services, "networks": {"shop": {"external": True, "name": f"{project}-shop"}}}


def shop(programs: Programs, image: str, project: str, port: int) -> Document:
    """The shop as a Compose project of its own: it is somebody else's, and no deployment restarts it."""
    service = {
        "image": image,
        "command": ["python", "/opt/shop.py", "--host", "0.0.0.0"],  # noqa: S104 - of its own network
        "restart": "unless-stopped",
        "mem_limit": "256m",
        "ports": [f"{ports.HOST}:{port}:8000"],
        "networks": ["shop"],
        "volumes": [*mounts(programs, "airflow"), f"{SHOP}:/opt/shop.py:ro"],
        "healthcheck": {
            "test": ["CMD", "curl", "--silent", "--fail", "--output", "/dev/null", "http://localhost:8000/health"],
            "interval": "2s",
            "timeout": "5s",
            "retries": 15,
        },
    }
    return {"services": {"shop": service}, "networks": {"shop": {"name": f"{project}-shop"}}}


def mounts(programs: Programs, kind: str) -> list[str]:
    return [f"{path}:{path}:ro" for path in programs.mounts(kind)]


def write(path: Path, document: Document) -> None:
    """Write a Compose file; one that says the same already is left alone."""
    import yaml

    text = "# Written by the sandbox.\n" + yaml.safe_dump(document, sort_keys=False)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        durable.replace(path, text)
