"""scripts/invoke, test and check, with stand-ins for uv, pip and the tools: what is set up, when, and what is told."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SYSTEM_TOOLS = """
    cat cksum chmod dirname env find getconf git grep id ln mkdir mv paste python3 readlink rm sed sh sleep touch xargs
"""

# Stands for both uv and a Python with venv and pip: notes how it was called and makes a .venv of stand-ins.
INSTALLER = """#!/bin/sh
echo "{name} $*" >>"$CALLS"
case "$*" in
*-c*import\\ sys*) exit {too_old} ;;
*-c*ensurepip*) exit {no_venv} ;;
--version) echo "Python 3.11.99"; exit ;;
*fcntl*) exec python3 "$@" ;;
esac
[ -z "${{BREAK:-}}" ] || case "$*" in pip\\ install*) exit 1 ;; esac
case "$*" in
pip\\ install*) sleep "${{SLOW:-0}}"; exit ;;
*venv*) for word; do venv=$word; done ;;
esac
mkdir -p "$venv/bin"
for tool in python invoke ruff mypy lint-imports shellcheck; do
    printf '#!/bin/sh\\necho "%s $*"\\n[ "${{FAIL:-}}" != %s ]\\n' $tool $tool >"$venv/bin/$tool"
    chmod +x "$venv/bin/$tool"
done
"""


@dataclass
class Checkout:
    """A copy of the scripts in a folder of its own, and a PATH that holds only what a test put there."""

    root: Path
    bin: Path

    @property
    def calls(self) -> list[str]:
        path = self.bin / "calls"
        return [line for line in path.read_text().splitlines() if " pip install " in line] if path.exists() else []

    def provide(self, name: str, *, too_old: int = 0, no_venv: int = 0) -> None:
        (self.bin / name).unlink(missing_ok=True)
        (self.bin / name).write_text(INSTALLER.format(name=name, too_old=too_old, no_venv=no_venv))
        (self.bin / name).chmod(0o755)

    def run(self, script: str, *words: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        variables = {"PATH": str(self.bin), "CALLS": str(self.bin / "calls"), **env}
        argv = [str(self.root / script), *words]
        return subprocess.run(argv, cwd=cwd or self.root, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    checkout = Checkout(tmp_path / "a check out", tmp_path / "bin")
    checkout.bin.mkdir()
    shutil.copytree(ROOT / "scripts", checkout.root / "scripts")
    for name in SYSTEM_TOOLS.split():
        program = shutil.which(name, path="/usr/local/bin:/usr/bin:/bin:" + os.environ["PATH"])
        assert program, name
        (checkout.bin / name).symlink_to(program)
    checkout.provide("uv")
    return checkout


def test_first_run_sets_up_and_later_ones_do_not(checkout: Checkout, tmp_path: Path) -> None:
    first = checkout.run("scripts/invoke", "probes", "--format", "two words", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert first.stdout == f"invoke --search-root {checkout.root} probes --format two words\n"
    assert "Setting up .venv" in first.stderr
    (call,) = checkout.calls
    assert "--require-hashes" in call
    again = checkout.run("scripts/invoke")
    assert (again.returncode, again.stderr) == (0, "")
    assert checkout.calls == [call]


def test_works_through_a_symlink_and_from_its_own_folder(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("a check out/scripts/invoke")
    (tmp_path / "second").symlink_to(tmp_path / "link")
    expected = f"invoke --search-root {checkout.root} x\n"
    assert checkout.run("../second", "x").stdout == expected
    assert checkout.run("scripts/invoke", "x", cwd=checkout.root / "scripts").stdout == expected
    sh = subprocess.run(
        ["sh", "invoke", "x"], cwd=checkout.root / "scripts", env={"PATH": str(checkout.bin)}, capture_output=True
    )
    assert sh.stdout.decode() == expected


def test_changed_lock_is_set_up_anew(checkout: Checkout) -> None:
    checkout.run("scripts/invoke")
    (checkout.root / ".venv" / "stays").touch()
    with (checkout.root / "scripts" / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    assert "Setting up .venv" in checkout.run("scripts/invoke").stderr
    assert not (checkout.root / ".venv" / "stays").exists()


def test_moved_checkout_is_set_up_anew(checkout: Checkout, tmp_path: Path) -> None:
    checkout.run("scripts/invoke")
    checkout.root = checkout.root.rename(tmp_path / "moved")
    assert "Setting up .venv" in checkout.run("scripts/invoke").stderr


def test_removed_interpreter_is_set_up_anew(checkout: Checkout) -> None:
    checkout.run("scripts/invoke")
    (checkout.root / ".venv" / "bin" / "python").unlink()
    assert "Setting up .venv" in checkout.run("scripts/invoke").stderr


def test_interrupted_set_up_does_not_pass_for_a_whole_one(checkout: Checkout) -> None:
    broken = checkout.run("scripts/invoke", BREAK="1")
    assert broken.returncode == 1
    assert "Setting up .venv failed" in broken.stderr
    assert (checkout.root / ".venv" / "bin" / "invoke").exists()
    mended = checkout.run("scripts/invoke")
    assert "Setting up .venv" in mended.stderr
    assert mended.returncode == 0


def test_two_at_once_set_up_once(checkout: Checkout) -> None:
    with ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(lambda _: checkout.run("scripts/invoke", SLOW="0.3"), range(3)))
    assert [run.returncode for run in runs] == [0, 0, 0], [run.stderr for run in runs]
    assert len(checkout.calls) == 1


def test_without_uv_pip_checks_the_hashes(checkout: Checkout) -> None:
    (checkout.bin / "uv").unlink()
    checkout.provide("python3.12")
    assert checkout.run("scripts/invoke").returncode == 0
    assert (checkout.bin / "calls").read_text().count("python3.12 -m venv") == 1
    assert not checkout.calls  # pip is run by the new environment's own python, which here is a stand-in
    assert (checkout.root / ".venv" / "stamp").exists()


def test_missing_python_is_told(checkout: Checkout) -> None:
    checkout.provide("python3", too_old=1)
    run = checkout.run("scripts/invoke")
    assert run.returncode == 1
    assert "Python 3.11 or newer was not found on PATH" in run.stderr


def test_python_without_venv_is_told_with_the_package(checkout: Checkout) -> None:
    (checkout.bin / "uv").unlink()
    checkout.provide("python3", no_venv=1)
    run = checkout.run("scripts/invoke")
    assert run.returncode == 1
    assert "apt-get install python3-venv" in run.stderr


def test_quick_leaves_services_out(checkout: Checkout) -> None:
    assert checkout.run("scripts/test", "quick", "-x").stdout == "python -m pytest -n auto -m not live -x\n"


def test_arguments_go_to_pytest(checkout: Checkout) -> None:
    assert checkout.run("scripts/test", "tests/a.py", "-k", "b c").stdout == "python -m pytest tests/a.py -k b c\n"


LISTS = ("tests/channels", "tests/ssh", "tests/stack", "tests/reports", "tests/monitor", "deploy/sandbox/tiki_pipeline")


@pytest.fixture
def listed(checkout: Checkout) -> Checkout:
    """A checkout with lists of packages, of which the machine has `there` only."""
    for folder in LISTS:
        (checkout.root / folder).mkdir(parents=True)
        (checkout.root / folder / "packages.txt").write_text("# tests: tests/none\nthere\n")
    packages = "# tests: tests/ssh tests/flow/fleet\nthere program\nmissing-one\n"
    (checkout.root / "tests/ssh/packages.txt").write_text(packages)
    (checkout.root / "tests/prisma").mkdir()
    (checkout.root / "tests/prisma/package-lock.json").touch()
    query = checkout.bin / "dpkg-query"
    query.write_text('#!/bin/sh\ncase "$*" in *there*) printf installed ;; *) exit 1 ;; esac\n')
    query.chmod(0o755)
    return checkout


def root_is(checkout: Checkout, answer: str, **programs: str) -> None:
    for name, text in {"id": f"echo {answer}", **programs}.items():
        (checkout.bin / name).unlink(missing_ok=True)
        (checkout.bin / name).write_text(f"#!/bin/sh\n{text}\n")
        (checkout.bin / name).chmod(0o755)


def test_what_a_machine_lacks_is_left_out_and_told(listed: Checkout) -> None:
    root_is(listed, "0")
    run = listed.run("scripts/test")
    assert "Left out: tests/ssh tests/flow/fleet, for this machine lacks: missing-one" in run.stderr
    assert "Left out: tests/prisma, for this machine lacks: nodejs npm" in run.stderr
    assert run.stdout.endswith("--ignore=tests/ssh --ignore=tests/flow/fleet --ignore=tests/prisma\n")


def test_who_is_not_root_hears_what_that_leaves_out(listed: Checkout) -> None:
    root_is(listed, "1000")
    run = listed.run("scripts/test")
    assert "Left out: tests/ssh tests/flow/fleet, for this machine lacks: root missing-one" in run.stderr
    assert "Left out: tests/none, for this machine lacks: root" in run.stderr


def test_ci_installs_what_is_missing_and_leaves_nothing_out(listed: Checkout) -> None:
    root_is(listed, "0", **{"apt-get": 'echo "$@" >&2', "npm": "exit 1"})
    run = listed.run("scripts/test", CI="true")
    assert run.returncode == 1
    assert "no-install-recommends nodejs missing-one" in run.stderr
    assert "Left out" not in run.stderr and "pytest" not in run.stdout


@pytest.fixture
def repository(checkout: Checkout) -> Checkout:
    (checkout.root / "tests").mkdir()
    (checkout.root / ".gitignore").write_text(".venv/\n")
    git(checkout, "init", "--quiet")
    git(checkout, "add", ".")
    return checkout


def git(checkout: Checkout, *words: str) -> None:
    subprocess.run(["git", *words], cwd=checkout.root, check=True)


def test_all_checks_run_even_if_one_fails(repository: Checkout) -> None:
    whole = repository.run("scripts/check")
    assert (whole.returncode, whole.stdout.splitlines()[-1]) == (0, "All checks passed."), whole
    broken = repository.run("scripts/check", FAIL="mypy")
    assert (broken.returncode, broken.stdout.splitlines()[-1]) == (1, "Failed: mypy")
    assert re.findall("^== (.*)", broken.stdout, re.M) == re.findall("^== (.*)", whole.stdout, re.M)


def test_large_file_and_skipped_test_are_found(repository: Checkout) -> None:
    (repository.root / "large file").write_bytes(b"x" * 524_289)
    mark = "@pytest.mark." + "skip"  # in two parts, for this file is searched as well
    (repository.root / "tests" / "test_x.py").write_text(f"import pytest\n\n\n{mark}\ndef test_x(): ...\n")
    git(repository, "add", ".")
    run = repository.run("scripts/check")
    assert run.returncode == 1
    assert "over 512 KB:\nlarge file\n" in run.stdout
    assert f"tests/test_x.py:4:{mark}" in run.stdout
    assert run.stdout.splitlines()[-1] == "Failed: sizes, skips"


def test_lock_pins_every_dependency_with_hashes_and_without_addresses() -> None:
    lock = (ROOT / "scripts" / "requirements.lock").read_text()
    assert "://" not in lock
    entries = re.split(r"\n(?=\S)", lock.strip())
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    names = {re.split(r"[=<>\[ ~!]", requirement)[0].lower() for requirement in wanted}
    assert names <= {re.split(r"==|\[", entry)[0].lower() for entry in entries}
