"""scripts/health-check, backup-postgres and restore-postgres, with a stand-in for scripts/invoke."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("health-check", "backup-postgres", "restore-postgres")
INVOKE = '#!/bin/sh\necho "$*" >>"{calls}"\necho said\nexit "${{CODE:-0}}"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "the scripts"
    folder.mkdir()
    for name in NAMES:
        shutil.copy2(ROOT / "scripts" / name, folder / name)
    (folder / "invoke").write_text(INVOKE.format(calls=folder / "calls"))
    (folder / "invoke").chmod(0o755)
    return folder


def run(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    argv = [str(folder / words[0]), *words[1:]]
    return subprocess.run(argv, env={"PATH": "/usr/bin:/bin", **environ}, capture_output=True, text=True, check=False)


def called(folder: Path) -> list[str]:
    path = folder / "calls"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize(
    ("words", "calls"),
    [
        (["health-check"], ["monitor --system=tiki_pipeline"]),
        (["health-check", "--all", "--env=prod"], ["validate.all --system=tiki_pipeline --env=prod"]),
        (["backup-postgres", "--by=an"], ["backup.create --system=tiki_pipeline --by=an"]),
        (["backup-postgres", "--prune", "--list"], ["backup.list --system=tiki_pipeline"]),
        (["backup-postgres", "--prune", "--env=a b"], [
            "backup.create --system=tiki_pipeline --env=a b", "backup.prune --system=tiki_pipeline --env=a b",
        ]),
        (["restore-postgres"], ["backup.verify --restore --system=tiki_pipeline"]),
        (["restore-postgres", "--id=b1", "--system=x"], ["backup.verify --restore --system=x --id=b1"]),
        (["restore-postgres", "--replace", "--id=b1"], ["backup.restore --force --system=tiki_pipeline --id=b1"]),
    ],
)  # fmt: skip
def test_each_is_thin_over_a_task(folder: Path, words: list[str], calls: list[str]) -> None:
    done = run(folder, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert called(folder) == calls


def test_the_live_databases_are_replaced_only_by_name(folder: Path) -> None:
    done = run(folder, "restore-postgres", "--replace")
    assert done.returncode == 2
    assert "which backup" in done.stderr
    assert called(folder) == []


@pytest.mark.parametrize("name", NAMES)
def test_exit_codes_are_passed_on(folder: Path, name: str) -> None:
    assert run(folder, name, CODE="6").returncode == 6
    assert run(folder, name, "--nonsense").returncode == 2
    told = run(folder, name, "--help")
    assert told.returncode == 0 and "Exit status" in told.stdout


def test_nothing_is_pruned_after_a_backup_that_failed(folder: Path) -> None:
    assert run(folder, "backup-postgres", "--prune", CODE="3").returncode == 3
    assert called(folder) == ["backup.create --system=tiki_pipeline"]


def test_quiet_speaks_only_when_something_is_wrong(folder: Path) -> None:
    assert run(folder, "health-check", "--quiet").stdout == ""
    wrong = run(folder, "health-check", "--quiet", CODE="6")
    assert (wrong.returncode, wrong.stdout) == (6, "said\n")


def test_another_system_may_be_meant_by_the_environment(folder: Path) -> None:
    run(folder, "health-check", DEPLOY_SYSTEM="extraction_engine")
    assert called(folder) == ["monitor --system=extraction_engine"]
