"""The task tree: every task explains itself, and listing them costs little."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from invoke.collection import Collection
from invoke.tasks import Task

from deploy.tasks import tree

PROJECT = Path(__file__).parent.parent.parent
HEAVY = (
    "psycopg",
    "pydantic",
    "rich",
    "docker",
    "redis",
    "fabric",
    "httpx",
    "markdown_it",
    "dotenv",
)  # Invoke itself imports yaml
RESERVED = {"status", "history", "resume", "unlock"}


def tasks(collection: Collection, prefix: str = "") -> Iterator[tuple[str, Task]]:
    for name, task in collection.tasks.items():
        yield prefix + name, task
    for name, below in collection.collections.items():
        yield from tasks(below, f"{prefix}{name}.")


TASKS = dict(tasks(tree()))


def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    ours = {key: value for key, value in os.environ.items() if not key.startswith("DEPLOY_")}
    return subprocess.run(
        [sys.executable, *words], cwd=PROJECT, env=ours | environ, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("name", TASKS)
def test_every_task_says_what_it_does_and_what_each_option_means(name: str) -> None:
    task = TASKS[name]
    parameters = list(inspect.signature(task.body).parameters)[1:]
    assert task.__doc__ and task.__doc__.strip().endswith(".")
    assert set(task.help) == set(parameters)
    assert all(text.strip() for text in task.help.values())


def test_help_of_a_task_is_printed_with_long_options_only() -> None:
    done = run("-m", "invoke", "--help", "deploy.prod")
    assert done.returncode == 0
    for option in ("--ref", "--signoffs", "--[no-]auto-rollback", "--off-hours", "--yes", "--by"):
        assert option in done.stdout
    options = done.stdout.partition("Options:")[2].split()
    assert not [word for word in options if word.startswith("-") and not word.startswith("--")]


def test_every_task_can_be_asked_for_help() -> None:
    """In one process, for there are many."""
    script = (
        "import sys\nfrom invoke.main import program\n"
        "for name in sys.argv[1:]:\n    program.run(['invoke', '--help', name], exit=False)\n"
    )
    done = run("-c", script, *TASKS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Docstring:") == len(TASKS)


def test_list_shows_the_phases_and_the_environments() -> None:
    done = run("-m", "invoke", "--list")
    assert done.returncode == 0, done.stderr
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert {"prereqs", "migrate", "deploy.prod", "deploy.staging", "deploy.local", "deploy.resume"} <= listed


def test_listing_imports_nothing_heavy() -> None:
    script = (
        "import sys\nfrom invoke.main import program\nprogram.run(['invoke', '--list'], exit=False)\n"
        "print('imported', *sorted(sys.modules))"
    )
    done = run("-c", script)
    assert done.returncode == 0, done.stderr
    imported = set(done.stdout.splitlines()[-1].split())
    assert "deploy.tasks" in imported
    assert imported.isdisjoint(HEAVY)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_printed(shell: str) -> None:
    done = run("-m", "invoke", "--print-completion-script", shell)
    assert done.returncode == 0
    assert "invoke" in done.stdout


def test_tasks_are_completed() -> None:
    done = run("-m", "invoke", "--complete", "--", "invoke")
    assert {"deploy.prod", "rollback.plan", "validate.post"} <= set(done.stdout.split())


def test_system_of_ones_own_brings_its_environments(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "system.yaml").write_text("title: Mine\nenvironments:\n  attic:\n    root: /tmp\n")
    done = run("-m", "invoke", "--list", DEPLOY_SYSTEMS=str(tmp_path))
    assert "deploy.attic" in done.stdout


def test_folder_of_systems_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = run("-m", "invoke", "--list", DEPLOY_SYSTEMS=str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["deploy.status", "--system=extraction_engin", "--env=prod"], "did you mean 'extraction_engine'?"),
        (["deploy.status", "--system=extraction_engine", "--env=prd"], "did you mean 'prod'?"),
        (["checklist", "--system=extraction_engine", "--format=xml"], "--format"),
        (["probes", "--format=xml"], "text or json"),
        (["checklist.validate", "/nonexistent/checklist.md"], "/nonexistent/checklist.md"),
    ],
)
def test_bad_input_ends_with_2_and_names_the_right_one(words: list[str], named: str) -> None:
    done = run("-m", "invoke", *words)
    assert done.returncode == 2, done.stderr
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_production_that_is_not_configured_lists_each_setting_and_where_to_set_it() -> None:
    done = run("-m", "invoke", "deploy.prod", "--system=extraction_engine")
    assert done.returncode == 2
    for key in ("PROD_ROOT", "PROD_DATABASE_URL", "PROD_DATABASE_ADMIN_URL", "PROD_SERPER_API_KEY"):
        assert f"  {key} (wanted by " in done.stderr
    assert ".env" in done.stderr
    assert "system.yaml:" in done.stderr
