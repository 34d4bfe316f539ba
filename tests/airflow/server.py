"""A real Airflow as processes, on a database of the tests' own PostgreSQL: started, stopped, killed in part."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from deploy.sandbox.ports import free_port

DAGS = Path(__file__).parent / "dags"
PARTS = ("api-server", "scheduler", "dag-processor")
READY = ("metadatabase", "scheduler", "dag_processor")
SECRET = "a-jwt-secret-of-the-tests-long-enough-for-sha512-signatures-of-tokens-0123456789"
SIMPLE = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
USERS = {"admin": "admin", "viewer": "viewer"}
PASSWORD = "canary-of-airflow"


@dataclass
class Server:
    """`database` is an SQLAlchemy URL, `folder` its own, `auth` which auth manager. All parts run in one session."""

    venv: Path
    folder: Path
    database: str
    auth: str = "simple"
    port: int = field(default_factory=free_port)
    health_port: int = field(default_factory=free_port)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def cli(self) -> list[str]:
        """The command line of this Airflow, as `docker exec` would give it: with its environment."""
        return ["env", *(f"{key}={value}" for key, value in self.environment.items()), str(self.venv / "bin/airflow")]

    @property
    def environment(self) -> dict[str, str]:
        simple = self.auth == "simple"
        chosen = {
            "AIRFLOW__CORE__AUTH_MANAGER": SIMPLE,
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in USERS.items()),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.folder / "passwords.json"),
        }
        fab = {"AIRFLOW__CORE__AUTH_MANAGER": FAB}
        return {
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.folder / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database,
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API_AUTH__JWT_SECRET": SECRET,
            "AIRFLOW__API__SECRET_KEY": SECRET,
            "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "True",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self.health_port),
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
            **(chosen if simple else fab),
        }

    def start(self) -> None:
        """From nothing to healthy, with every DAG known."""
        shutil.copytree(DAGS, self.folder / "dags", ignore=shutil.ignore_patterns("__pycache__"))
        (self.folder / "passwords.json").write_text(json.dumps(dict.fromkeys(USERS, PASSWORD)))
        self.run("db", "migrate")
        for part in PARTS:
            self.launch(part)
        self.wait()

    def run(self, *words: str) -> str:
        done = subprocess.run([*self.cli, *words], env=self._around(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
        return done.stdout

    def _around(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}

    def launch(self, part: str) -> None:
        with (self.folder / f"{part}.log").open("ab") as log:
            self.running[part] = subprocess.Popen(
                [*self.cli, part],
                env=self._around(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.folder,
            )

    def wait(self, dags: int = 4) -> None:
        """Until every component says that it is healthy, somebody can log in, and the DAGs were parsed."""
        deadline = time.monotonic() + 180
        while not (self._healthy() and self._parsed() >= dags):
            assert time.monotonic() < deadline, "\n".join(self.logs())
            time.sleep(0.2)

    def _healthy(self) -> bool:
        try:
            found = httpx.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
        except (httpx.HTTPError, ValueError):
            return False
        return all((found.get(name) or {}).get("status") == "healthy" for name in READY)

    def _parsed(self) -> int:
        headers = {"Authorization": f"Bearer {self.token()}"}
        return int(httpx.get(f"{self.url}/api/v2/dags", headers=headers, timeout=10).json()["total_entries"])

    def token(self, user: str = "admin") -> str:
        body = {"username": user, "password": PASSWORD}
        return str(httpx.post(f"{self.url}/auth/token", json=body, timeout=10).json()["access_token"])

    def logs(self) -> list[str]:
        return [f"{path.name}: {path.read_text(errors='replace')[-1500:]}" for path in self.folder.glob("*.log")]

    def kill(self, part: str) -> None:
        """End a part and all of its processes, at once."""
        process = self.running.pop(part)
        try:
            os.killpg(process.pid, signal.SIGKILL)
        finally:
            process.wait()

    def stop(self) -> None:
        for part in list(self.running):
            self.kill(part)
