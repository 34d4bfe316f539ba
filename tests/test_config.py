import subprocess
import sys
from pathlib import Path

import pytest

from deploy import config
from deploy.discover import choose, environment_names, find_systems
from deploy.errors import ConfigError

SYSTEM = """\
title: A practice pipeline
flow:
  - prereqs
  - migrate: [migrate]

environments:
  # on a laptop
  local:
    root: /tmp/place
    repository: /tmp/git
    env_file: .local/made.env
    databases:
      app: {url: "${DATABASE_URL}"}
    parameters: {greeting: "${GREETING:-hello}", plain: "$${HOME}", many: "${A}-${B:-}"}
  prod:
    root: ${PROD_ROOT}
    repository: ${PROD_REPOSITORY}
    databases:
      app:
        url: ${PROD_DATABASE_URL}
        admin_url: ${PROD_DATABASE_URL}
    hours: {days: mon-thu, from: 09:00, to: 17:00, zone: UTC}

backup: {jobs: 3}
"""
NOTHING: dict[str, str] = {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, SYSTEM)


def write(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / "systems" / "practice"
    folder.mkdir(parents=True)
    (folder / "system.yaml").write_text(text, encoding="utf-8")
    return folder


def refusal(folder: Path, name: str, project: Path, environ: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        config.load_environment(config.load_system(folder), name, project, environ)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_system_is_loaded_without_its_environments(folder: Path) -> None:
    system = config.load_system(folder)
    assert (system.name, system.folder, system.phases, system.backup.jobs) == (
        "practice", folder, ("prereqs", "migrate"), 3,
    )  # fmt: skip


def test_a_misspelt_key_of_a_system_is_told_with_line_and_nearest(tmp_path: Path) -> None:
    folder = write(tmp_path, SYSTEM + "relaese: {}\n")
    with pytest.raises(ConfigError, match=r"system\.yaml:25: relaese: .*\n  did you mean 'release'\?"):
        config.load_system(folder)


def test_an_environment_is_filled_from_process_then_env_file_then_dot_env(folder: Path, tmp_path: Path) -> None:
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local/made.env").write_text("DATABASE_URL=from-env-file\nA=from-env-file\n")
    (tmp_path / ".env").write_text("DATABASE_URL=from-dot-env\nA=from-dot-env\nB=from-dot-env\n")
    place = config.load_environment(config.load_system(folder), "local", tmp_path, {"A": "from-process"})
    assert place.name == "local"
    assert place.databases["app"].url.reveal() == "from-env-file"
    assert place.parameters == {"greeting": "hello", "plain": "${HOME}", "many": "from-process-from-dot-env"}


def test_dot_env_may_have_a_mark_crlf_quotes_and_dollars(folder: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfDATABASE_URL='pa$$w${X}rd'\r\nexport A=a\r\n")
    place = config.load_environment(config.load_system(folder), "local", tmp_path, NOTHING)
    assert place.databases["app"].url.reveal() == "pa$$w${X}rd"
    assert place.parameters["many"] == "a-"


def test_every_missing_setting_is_told_at_once_with_where_to_set_it(folder: Path, tmp_path: Path) -> None:
    told = refusal(folder, "prod", tmp_path, {"PROD_ROOT": ""})
    assert "lacks 3 settings" in told
    for key, line in (("PROD_ROOT", 16), ("PROD_REPOSITORY", 17), ("PROD_DATABASE_URL", 20)):
        assert f"{key} (wanted by {folder / 'system.yaml'}:{line})" in told
    assert f"NAME=value in {tmp_path / '.env'} (not there yet)" in told
    assert "GREETING" not in told


def test_one_environment_does_not_need_the_settings_of_another(folder: Path, tmp_path: Path) -> None:
    config.load_environment(config.load_system(folder), "local", tmp_path, {"DATABASE_URL": "u", "A": "a"})


def test_an_unknown_environment_is_told_with_the_nearest(folder: Path, tmp_path: Path) -> None:
    assert "did you mean 'prod'?" in refusal(folder, "prd", tmp_path, NOTHING)


def test_no_complaint_contains_a_value(tmp_path: Path) -> None:
    folder = write(tmp_path, SYSTEM.replace("root: ${PROD_ROOT}", "signoffs: ${PROD_ROOT}\n    root: [$PROD_ROOT]"))
    values = dict.fromkeys(("PROD_ROOT", "PROD_REPOSITORY", "PROD_DATABASE_URL"), "canary")
    told = refusal(folder, "prod", tmp_path, values)
    assert "signoffs: should be 'hold' or 'show'" in told
    assert "canary" not in told


def test_a_broken_reference_is_told_with_its_line(tmp_path: Path) -> None:
    folder = write(tmp_path, SYSTEM.replace("${GREETING:-hello}", "${GREETING"))
    assert "system.yaml:14: a broken ${…}" in refusal(folder, "local", tmp_path, {"DATABASE_URL": "u", "A": "a"})


@pytest.mark.parametrize("name", ["status", "resume", "Prod", "a b"])
def test_names_that_no_environment_can_have(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path, SYSTEM.replace("  prod:", f"  {name}:"))
    with pytest.raises(ConfigError, match="environment"):
        config.load_system(folder)


def test_environments_in_one_line_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, "title: x\nflow: [prereqs]\nenvironments: {local: {root: /}}\n")
    with pytest.raises(ConfigError, match=r":3: environments are not written one below the other"):
        config.load_system(folder)


def test_a_folder_without_a_system_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"system\.yaml: cannot be read"):
        config.load_system(tmp_path)


def test_names_of_environments_are_read_line_by_line(folder: Path, tmp_path: Path) -> None:
    assert environment_names(folder) == ["local", "prod"]
    assert environment_names(tmp_path) == []
    (folder / "system.yaml").write_bytes(
        b'\xef\xbb\xbfenvironments: # all\r\n\r\n  "local":\r\n    root: x\r\n  prod: {}\r\nx: 1\r\n'
    )
    assert environment_names(folder) == ["local", "prod"]


def test_systems_are_found_by_their_folders(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "systems" / "not_a_system").mkdir()
    assert find_systems([tmp_path / "systems"]) == {"practice": folder}
    assert find_systems([folder, tmp_path / "systems"]) == {"practice": folder}


def test_two_systems_of_one_name_and_missing_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other", SYSTEM)
    with pytest.raises(ConfigError, match="a second system called 'practice'"):
        find_systems([folder.parent, other.parent])
    with pytest.raises(ConfigError, match="no such folder"):
        find_systems([tmp_path / "nowhere"])


def test_a_system_is_chosen_by_name_then_variable_then_being_the_only_one(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    systems = {"one": one, "two": two}
    assert choose("one", {"DEPLOY_SYSTEM": "two"}, systems) == one
    assert choose(None, {"DEPLOY_SYSTEM": "two"}, systems) == two
    assert choose(None, {}, {"one": one}) == one


def test_an_environment_chooses_the_only_system_that_has_it(folder: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other", SYSTEM.replace("  local:", "  compose:"))
    systems = {"one": folder, "two": other}
    assert choose(None, {}, systems, "local") == folder
    assert choose(None, {}, systems, "compose") == other
    assert choose("one", {}, systems, "compose") == folder
    with pytest.raises(ConfigError) as caught:
        choose(None, {}, systems, "prod", "invoke deploy.prod")
    assert caught.value.fix == "invoke deploy.prod --system=one or invoke deploy.prod --system=two"


@pytest.mark.parametrize(
    ("name", "environ", "names", "told"),
    [
        ("tow", {}, "one two", "--system: there is no system 'tow'\n  did you mean 'two'?"),
        (None, {"DEPLOY_SYSTEM": "x"}, "one two", "DEPLOY_SYSTEM: there is no system 'x'\n  known: one, two"),
        (
            None,
            {},
            "one two",
            "--system: which system? There are one, two\n  invoke … --system=one or invoke … --system=two",
        ),
        (None, {}, "", "there is no system"),
    ],
)
def test_a_choice_that_cannot_be_made(name: str | None, environ: dict[str, str], names: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        choose(name, environ, {each: Path(each) for each in names.split()})
    assert str(caught.value).startswith(told)


def test_discovery_imports_no_parser() -> None:
    code = "import sys, deploy.discover; print([m for m in ('yaml', 'pydantic', 'markdown_it') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
