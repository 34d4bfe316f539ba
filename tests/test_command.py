"""Commands as data: the shell that a plan prints is what can be pasted."""

from __future__ import annotations

import subprocess

import pytest

from deploy.command import Run, Script, Statement, paste
from deploy.secret import Secret


def sh(text: str, **environment: str) -> str:
    done = subprocess.run(["sh"], input=text, capture_output=True, text=True, check=True, env=environment)
    return done.stdout


def test_a_run_prints_its_words_quoted_and_its_secrets_as_names() -> None:
    command = Run(
        ("printf", "%s|", "two words", "$HOME"), cwd="/tmp", env={"A": "b c"}, secrets={"KEY": Secret("hidden-key")}
    )
    assert "hidden-key" not in command.shell()
    assert sh(command.shell(), KEY="set", PATH="/usr/bin:/bin") == "two words|$HOME|"


def test_a_script_stops_at_its_first_error_and_knows_its_folder() -> None:
    command = Script("pwd\nfalse\necho never", cwd="/", env={"A": "it's"})
    done = subprocess.run(["sh"], input=command.shell(), capture_output=True, text=True, check=False)
    assert (done.returncode != 0, done.stdout) == (True, "/\n")


@pytest.mark.parametrize(
    ("sql", "printed"),
    [
        ("delete from t where load = :load_id", "delete from t where load = :'load_id'"),
        ("select a::load_id, ':load_id', 'it''s :load_id'", "select a::load_id, ':load_id', 'it''s :load_id'"),
    ],
)
def test_a_statement_lets_psql_quote_its_parameters(sql: str, printed: str) -> None:
    shell = Statement("app", sql, {"load_id": "it's"}).shell()
    assert shell.splitlines()[0].startswith('psql "$APP_URL" -v ON_ERROR_STOP=1 -v load_id=')
    assert shell.splitlines()[1] == printed


def test_pasted_commands_stand_under_their_notes() -> None:
    assert paste([Script("true", note="why"), Run(("ls",))]).splitlines()[0] == "# why"
