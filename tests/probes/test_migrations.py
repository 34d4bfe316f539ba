from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.migrations.history import KEPT
from deploy.probes.migrations import Applied, Drift, Reviewed, SameSchema
from deploy.question import Output, Rows, Shell
from deploy.result import Status
from deploy.scope import Scope
from deploy.site import Site
from deploy.system import Environment

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FILES = "a\tsum-a\t\nb\tsum-b\tALTER DROP \n"


def row(name: str, sum: str, *, done: bool = True, logs: str | None = None) -> tuple[object, ...]:
    return ("id", sum, NOW if done else None, name, logs, None, NOW, 1)


A, B = row("a", "sum-a"), row("b", "sum-b")


@pytest.mark.parametrize(
    ("printed", "rows", "status", "found"),
    [
        (FILES, (A, B), Status.PASS, "all 2"),
        (FILES, (A,), Status.FAIL, "1 pending"),
        (FILES, (), Status.FAIL, "2 pending"),
        (FILES, (A, row("b", "other")), Status.FAIL, "1 edited"),
        (FILES, (A, row("b", "sum-b", done=False)), Status.FAIL, "1 failed"),
        (FILES, (A, B, row("c", "x")), Status.FAIL, "1 unknown"),
        (FILES, (A, B, row("c", "x", logs=KEPT)), Status.PASS, "all 2"),
        ("a\t-\t\n", (A,), Status.FAIL, "no migration.sql in a"),
        ("", (), Status.UNKNOWN, "the folder has no migrations"),
    ],
)
def test_applied(printed: str, rows: tuple[tuple[object, ...], ...], status: Status, found: str) -> None:
    verdict = Applied().judge(Output(0, printed), Rows((rows,)))
    assert (verdict.status, verdict.found) == (status, found)


def report(**facts: object) -> Output:
    return Output(0, json.dumps(facts))


@pytest.mark.parametrize(
    ("answer", "objects", "kept", "status"),
    [
        (report(fingerprint={"x": "1"}), (("x", "1"),), False, Status.PASS),
        (report(fingerprint={"x": "1"}), (("x", "2"),), False, Status.FAIL),
        (report(fingerprint={"x": "1"}), (("x", "1"), ("y", "2")), False, Status.FAIL),
        (report(fingerprint={"x": "1"}), (("x", "1"), ("y", "2")), True, Status.PASS),
        (report(fingerprint={"x": "1"}), (("y", "2"),), True, Status.FAIL),
        (report(fingerprint={}), (), False, Status.UNKNOWN),
        (Output(0, ""), (("x", "1"),), False, Status.UNKNOWN),
        (Output(0, "[torn"), (("x", "1"),), False, Status.UNKNOWN),
    ],
)
def test_drift(answer: Output, objects: tuple[tuple[object, ...], ...], kept: bool, status: Status) -> None:
    history = (row("c", "x", logs=KEPT),) if kept else (A,)
    assert Drift().judge(answer, Rows((objects, history))).status is status


PENDING = report(migrations=[{"name": "b", "class": "restore-only", "seconds": 0.1, "locks": ["item X"]}])


def test_what_a_reviewer_gets_to_read() -> None:
    verdict = Reviewed().judge(Output(0, FILES), PENDING)
    assert (verdict.status, verdict.found) == (Status.PASS, "1 pending")
    assert "b          restore-only  ALTER DROP  0.1      item X" in verdict.evidence
    assert Reviewed().judge(Output(0, FILES), Output(0, "")).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("text", "status", "found"),
    [
        ("a: Ada\nb: Bob", Status.PASS, "all"),
        ("a: Ada", Status.FAIL, "no reviewer: b (ALTER DROP)"),
        ("b: Bob\na:", Status.FAIL, "no reviewer: a (only adds)"),
        ("- a", Status.UNKNOWN, "the acknowledgements are not a YAML mapping of names to reviewers"),
        ("a: [", Status.UNKNOWN, "the acknowledgements are not a YAML mapping of names to reviewers"),
    ],
)
def test_each_migration_has_its_reviewer(text: str, status: Status, found: str) -> None:
    probe = Reviewed(acknowledgements="reviews.yaml")
    verdict = probe.judge(Output(0, FILES), PENDING, Output(0, text))
    assert (verdict.status, verdict.found) == (status, found)


ONE = 'generator py { provider = "x" }\nmodel User {\n  id   Int @id // key\n  name String?\n}\nenum Size {\n  S\n}\n'


@pytest.mark.parametrize(
    ("other", "status"),
    [
        (ONE.replace("generator py", "datasource db").replace("   ", " "), Status.PASS),
        (ONE.replace("String?", "String"), Status.FAIL),
        (ONE.replace("  S\n", "  S\n  M\n"), Status.FAIL),
        (ONE + "model Empty {\n}\n", Status.FAIL),
        ("generator py {}", Status.UNKNOWN),
    ],
)
def test_equal_schemas(other: str, status: Status) -> None:
    assert SameSchema(paths=("a", "b")).judge(Output(0, ONE), Output(0, other)).status is status


def ask(folder: Path, shell: Shell) -> object:
    environment = Environment(name="local", root=str(folder), repository="x")
    return Site(environment).answer([("localhost", shell)])[0]


@pytest.mark.live
def test_asked_for_real(tmp_path: Path) -> None:
    names = {"migrations": str(tmp_path / "m"), "control": str(tmp_path), "release": "/x/abc"}
    scope = Scope(names=names)
    probe = Reviewed()
    files, rehearsal = probe.ask(scope)
    assert not isinstance(ask(tmp_path, files), Output)  # no folder is no answer
    (tmp_path / "m/a b").mkdir(parents=True)
    (tmp_path / "m/a b/migration.sql").write_text("-- AlterTable\nalter table x drop column y;\n")
    (tmp_path / "m/hollow").mkdir()
    (tmp_path / "m/migration_lock.toml").write_text("")
    answer = ask(tmp_path, files)
    assert isinstance(answer, Output)
    first, second = answer.out.splitlines()
    assert first.startswith("a b\t") and first.endswith("\talter drop ") and second == "hollow\t-\t"
    assert ask(tmp_path, rehearsal).out == ""  # type: ignore[attr-defined]
    (tmp_path / "rehearsals").mkdir()
    (tmp_path / "rehearsals/abc.json").write_text("{}")
    assert ask(tmp_path, rehearsal).out == "{}"  # type: ignore[attr-defined]


@pytest.mark.live
def test_plain_files_asked_for_real(tmp_path: Path) -> None:
    (tmp_path / "001_a.sql").write_text("select 1")
    (tmp_path / "001_a.down.sql").write_text("drop table x")
    (shell, _) = Applied(folder="{release}", layout="sql").ask(Scope(names={"release": str(tmp_path)}))
    assert ask(tmp_path, shell).out.split("\t")[0] == "001_a"  # type: ignore[attr-defined]
