"""A real Prometheus, Alertmanager and node_exporter, each with ports, configuration and data of its own."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml

from deploy.sandbox.ports import free_port
from tests.flow.monitor.world import eventually

PROMETHEUS = "/usr/bin/prometheus"
ALERTMANAGER = "/usr/bin/prometheus-alertmanager"
NODE_EXPORTER = "/usr/bin/prometheus-node-exporter"


@contextmanager
def prometheus(folder: Path, rules: str, metrics: Path, webhook: str) -> Iterator[int]:
    """All three, watching the metrics of a folder by these rules and alerting a webhook; the port of Prometheus."""
    ports = {name: free_port() for name in ("prometheus", "alertmanager", "exporter")}
    _configure(folder, rules, ports, webhook)
    with ExitStack() as stack:
        for name, argv in _commands(folder, metrics, ports).items():
            stack.enter_context(_running(folder / f"{name}.log", argv))
        for name, path in (("exporter", "metrics"), ("alertmanager", "-/ready"), ("prometheus", "-/ready")):
            eventually(f"{name} is not ready", lambda url=f"http://127.0.0.1:{ports[name]}/{path}": _answers(url))
        yield ports["prometheus"]


def _configure(folder: Path, rules: str, ports: dict[str, int], webhook: str) -> None:
    (folder / "rules.yml").write_text(rules)
    targets = {name: [{"targets": [f"127.0.0.1:{port}"]}] for name, port in ports.items()}
    given = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": "node", "static_configs": targets["exporter"]}],
        "alerting": {"alertmanagers": [{"static_configs": targets["alertmanager"]}]},
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(given))
    route = {"receiver": "test", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
    hooks = [{"url": webhook, "send_resolved": True}]
    given = {"route": route, "receivers": [{"name": "test", "webhook_configs": hooks}]}
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(given))


def _commands(folder: Path, metrics: Path, ports: dict[str, int]) -> dict[str, list[str]]:
    address = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    collector = ["--collector.disable-defaults", "--collector.textfile", f"--collector.textfile.directory={metrics}"]
    data, cluster = f"--storage.{{}}={folder}", "--cluster.listen-address="
    return {
        "exporter": [NODE_EXPORTER, f"--web.listen-address={address['exporter']}", *collector],
        "alertmanager": [
            ALERTMANAGER,
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--web.listen-address={address['alertmanager']}",
            f"{data.format('path')}/alertmanager",
            cluster,
        ],
        "prometheus": [
            PROMETHEUS,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--web.listen-address={address['prometheus']}",
            f"{data.format('tsdb.path')}/prometheus",
        ],
    }


@contextmanager
def _running(log: Path, argv: list[str]) -> Iterator[None]:
    with log.open("w") as file:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
    try:
        yield
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False
