"""A checkout with a Compose stack of its own, driven through the real command line and looked at from outside."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from dotenv import dotenv_values

from deploy.sandbox.tiki_pipeline import stack as practice
from tests.engine.checkout import Checkout, due

ORIGINAL, OPTIMISED = "tiki_crawl_products", "tiki_crawl_products_optimized"
STORES = {"postgres", "redis"}
SETTINGS = (
    *("tiki_data_dir", "tiki_max_categories", "tiki_max_products_per_category", "tiki_parallel_workers"),
    *("tiki_rate_limit", "TIKI_MAX_CATEGORIES", "TIKI_MAX_PRODUCTS_PER_CATEGORY"),
)
PATIENCE = 1200  # seconds that a command may take on a busy machine
SETTLED = 300  # seconds until what a command left running has come to rest
FRESH = 15  # seconds that a token is used
PRACTICE = "deploy/sandbox/tiki_pipeline"
EDITS = (  # tokens live for half a minute, so that every deployment outlives several; the shop sells less
    (
        f"{PRACTICE}/template/docker-compose.yml",
        'AIRFLOW__API__WORKERS: "1"',
        'AIRFLOW__API__WORKERS: "1"\n    AIRFLOW__API_AUTH__JWT_EXPIRATION_TIME: "30"',
    ),
    (f"{PRACTICE}/shop.py", "CATEGORIES, PRODUCTS = 24, 40", "CATEGORIES, PRODUCTS = 24, 12"),
)


@dataclass(frozen=True)
class Production:
    """What a deployment that fails must leave as it was."""

    release: str | None
    containers: dict[str, str]  # service to container; of a store it is the same as long as nobody makes it anew
    mounted: dict[str, str]  # service to the release that it runs
    pauses: dict[str, bool]
    variables: dict[str, str | None]
    products: int


@dataclass
class Stack(Checkout):
    """The practice pipeline of a checkout. `environ` names system and environment, so that commands need not."""

    through: tuple[str, ...] = ()
    around: dict[str, str] = field(default_factory=dict)
    token: tuple[str, float] = ("", 0.0)  # for the API, and until when it is used

    @classmethod
    def make(cls, folder: Path) -> Stack:
        made = super().make(folder)
        assert isinstance(made, Stack)
        for path, old, new in EDITS:
            text = (folder / path).read_text(encoding="utf-8")
            assert text.count(old) == 1, f"{path} has changed: {old}"
            (folder / path).write_text(text.replace(old, new), encoding="utf-8")
        return made

    @property
    def environ(self) -> dict[str, str]:
        return {**super().environ, "DEPLOY_SYSTEM": "tiki_pipeline", "DEPLOY_ENV": "compose", **self.around}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.through, sys.executable, "-m", "invoke", *words],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @contextmanager
    def seen(self, through: Sequence[str] = (), **around: str) -> Iterator[None]:
        """While this lasts, commands run through another one, and have these variables."""
        self.through, self.around = tuple(through), around
        try:
            yield
        finally:
            self.through, self.around = (), {}

    def invoke(self, *words: str, code: int = 0) -> str:
        process = self.start(*words)
        try:
            said, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        assert process.returncode == code, f"invoke {' '.join(words)} exited {process.returncode}, not {code}:\n{said}"
        return said

    def disturbed(self, step: str, disturb: Callable[[], None], *words: str) -> tuple[int, str]:
        """Run a command, and do something to the stack as soon as the journal says that it begins a step."""
        told = {"kind": "step.intended", "step": step}
        before, process, until = self._told(told), self.start(*words), time.monotonic() + PATIENCE
        try:
            while self._told(told) == before and process.poll() is None and time.monotonic() < until:
                time.sleep(0.05)
            if process.poll() is None:
                disturb()
            said, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        assert self._told(told) > before, f"{step} was not begun:\n{said}"
        return process.returncode, said

    # -- what is seen from outside

    @property
    def target(self) -> Path:
        return self.local / "tiki_pipeline" / "target"

    @property
    def variables(self) -> dict[str, str]:
        return {key: value or "" for key, value in dotenv_values(self.local / "tiki_pipeline.env").items()}

    @property
    def project(self) -> str:
        return practice.Stack(self.folder).name

    def commit(self, ref: str) -> str:
        return git(self.local / "tiki_pipeline" / "repository", "rev-parse", ref)

    def connect(self, dbname: str = "crawl_data") -> psycopg.Connection[Any]:
        url = self.variables["SANDBOX_TIKI_DATABASE_ADMIN_URL"]
        return psycopg.connect(url, dbname=dbname, autocommit=True)

    def rows(self, query: str, *values: Any, dbname: str = "crawl_data") -> list[tuple[Any, ...]]:
        return super().rows(query, *values, dbname=dbname)

    def value(self, query: str, *values: Any, dbname: str = "crawl_data") -> Any:
        return super().value(query, *values, dbname=dbname)

    def content(self, dbname: str = "crawl_data") -> Any:
        return super().content(dbname)

    def databases(self) -> set[str]:
        return {name for (name,) in self.rows("select datname from pg_database where not datistemplate")}

    def api(self, path: str) -> Any:
        """What Airflow tells; None where there is no such thing."""
        if time.monotonic() > self.token[1]:
            self.token = self._log_in(), time.monotonic() + FRESH
        return fetched(f"{self.variables['SANDBOX_TIKI_API_URL']}/api/v2/{path}", token=self.token[0])

    def _log_in(self) -> str:
        known = self.variables
        who = {"username": known["SANDBOX_TIKI_AIRFLOW_USER"], "password": known["SANDBOX_TIKI_AIRFLOW_PASSWORD"]}
        return str(fetched(f"{known['SANDBOX_TIKI_API_URL']}/auth/token", json.dumps(who).encode())["access_token"])

    def pauses(self) -> dict[str, bool]:
        return {name: self.api(f"dags/{name}")["is_paused"] for name in (ORIGINAL, OPTIMISED)}

    def settings(self) -> dict[str, str | None]:
        found = {name: self.api(f"variables/{name}") for name in SETTINGS}
        return {name: one["value"] if one else None for name, one in found.items()}

    def containers(self) -> dict[str, str]:
        return self._of_each("{{.ID}}")

    def _of_each(self, what: str) -> dict[str, str]:
        label = "label=com.docker.compose.project="
        said = docker(
            "ps", "--all", "--no-trunc", "--filter", label + self.project,
            "--format", '{{.Label "com.docker.compose.service"}} ' + what,
        )  # fmt: skip
        return dict(line.split(" ", 1) for line in said.splitlines())

    def mounted(self) -> dict[str, str]:
        """The release whose files each service runs."""
        label = '{{.Label "com.docker.compose.project.working_dir"}}'
        return {name: Path(folder).name for name, folder in self._of_each(label).items() if name not in STORES}

    def id_of_container(self, service: str) -> str:
        return self.containers()[service]

    def production(self) -> Production:
        return Production(
            self.release,
            self.containers(),
            self.mounted(),
            self.pauses(),
            self.settings(),
            self.value("select count(*) from products"),
        )

    def idle(self) -> None:
        """Wait until no task is at work, and every container is healthy."""
        until = time.monotonic() + SETTLED
        while (left := self._unsettled_services() or self._at_work()) and time.monotonic() < until:
            time.sleep(1)
        assert not left, left

    def _unsettled_services(self) -> list[str]:
        states = self._of_each("{{.Status}}")
        return [
            f"{name} {state}" for name, state in states.items() if "(healthy)" not in state and name != "airflow-init"
        ]

    def _at_work(self) -> list[str]:
        """Runs on their way of DAGs that are not paused; those of a paused DAG wait."""
        running = [name for name, paused in self.pauses().items() if not paused]
        found = [self.api(f"dags/{name}/dagRuns?state=running&state=queued")["dag_runs"] for name in running]
        return [run["dag_run_id"] for runs in found for run in runs]

    def unsettled(self) -> list[str]:
        left = [f"database {name}" for name in sorted(self.databases()) if "scratch" in name]
        left += [str(path) for path in self.control.glob("lock*") if path.name == "lock"]
        left += self.archive.verify()
        for journal in self.archive.journals():
            missing = [name for name in due(journal) if not (self.control / "reports" / journal.id / name).exists()]
            left += [f"{journal.id}: no {name}" for name in missing]
        return left


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True, timeout=120).stdout.strip()


def git(folder: Path, *words: str) -> str:
    argv = ["git", "-C", str(folder), *words]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def fetched(url: str, body: bytes | None = None, token: str = "") -> Any:
    """What a page of JSON tells; None for 404."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 404:
            return None
        raise
