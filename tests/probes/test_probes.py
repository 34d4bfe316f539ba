"""What holds for every probe: an example that works, words that explain it, scripts that are POSIX and quote."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deploy.channels.shell import Surroundings, answer
from deploy.channels.transport import Local
from deploy.probes import known_probes
from deploy.question import Shell

from .asking import RECORDED, Situation, asked

NAMES = sorted({folder.name for folder in RECORDED.iterdir()} & set(known_probes()))
SHELLCHECK = Path(sys.executable).with_name("shellcheck")
FINE = "SC2043,SC2209"  # a loop over a single path; is=set is a word, not a command


def example(name: str) -> Situation:
    parameters = yaml.safe_load(known_probes()[name].example)
    return Situation(name, "example", None, parameters, since="2026-11-23T00:00+00:00")  # type: ignore[arg-type]


def scripts(situation: Situation, root: str) -> list[Shell]:
    parameters = {**situation.parameters, **({"run": ["true"]} if situation.probe == "command.output" else {})}
    probe = known_probes()[situation.probe].model_validate(parameters)
    return [question for question in asked(probe, situation.scope(root)) if isinstance(question, Shell)]


@pytest.mark.parametrize("name", NAMES)
def test_its_words_tell_what_it_proves(name: str) -> None:
    first = (known_probes()[name].__doc__ or "").partition("\n")[0]
    assert first.endswith((".", "shown.")) and first[0].isupper() and len(first) < 120


@pytest.mark.parametrize("name", NAMES)
def test_its_example_is_valid_and_its_script_is_posix(name: str) -> None:
    for question in scripts(example(name), "/srv/it's $(here)"):
        run = [str(SHELLCHECK), "-s", "sh", "-S", "warning", "-e", FINE, "-"]
        checked = subprocess.run(run, input=question.script, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout


@pytest.mark.live
@pytest.mark.parametrize("name", NAMES)
def test_no_parameter_is_ever_run(name: str, tmp_path: Path) -> None:
    root = f"{tmp_path}/'\"$(touch {tmp_path}/run)`touch {tmp_path}/run`;touch {tmp_path}/run;"
    for question in scripts(example(name), root):
        answer([question], Local(), Surroundings())
    assert not list(tmp_path.rglob("run"))
