"""All questions of a host in one process: what each of them may do without harm to the others."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest

from deploy.channels import shell
from deploy.channels.shell import Batch, Surroundings
from deploy.channels.transport import ASKED, ERR, OUT, Deadline, Ended, Local, Mode, Receive
from deploy.errors import ConfigError
from deploy.question import Output, Shell, Unanswered
from deploy.secret import Secret

NOTHING = Surroundings()


class Counting(Local):
    """This machine, counting how many shells were started."""

    def __init__(self) -> None:
        self.scripts: list[str] = []

    def run(self, script: str, receive: Receive, deadline: Deadline, mode: Mode = ASKED) -> Ended:
        self.scripts.append(script)
        return super().run(script, receive, deadline, mode)


def ask(*questions: Shell, surroundings: Surroundings = NOTHING) -> list[Output | Unanswered]:
    return shell.answer(questions, Local(), surroundings)


def said(answer: Output | Unanswered) -> str:
    assert isinstance(answer, Output), answer
    return answer.out


def why(answer: Output | Unanswered) -> str:
    assert isinstance(answer, Unanswered), answer
    return answer.why


def test_all_questions_travel_in_one_process() -> None:
    transport = Counting()
    answers = shell.answer([Shell(f"echo {number}") for number in range(50)], transport, NOTHING)
    assert [said(answer) for answer in answers] == [f"{number}\n" for number in range(50)]
    assert len(transport.scripts) == 1


def test_no_questions_need_no_process() -> None:
    transport = Counting()
    assert shell.answer([], transport, NOTHING) == []
    assert transport.scripts == []


def test_streams_and_exit_codes_are_kept_apart() -> None:
    (answer,) = ask(Shell("echo out; echo err >&2; printf 'no line end'; exit 3", exits=frozenset({3})))
    assert isinstance(answer, Output)
    assert (answer.exit, answer.out, answer.err) == (3, "out\nno line end", "err\n")


def test_bytes_that_are_not_text_are_replaced() -> None:
    assert said(ask(Shell(r"printf 'a\377\000b'"))[0]) == "a\ufffd\x00b"


def test_a_question_changes_nothing_for_the_next() -> None:
    messy = "cd /; X=1; export Y=2; set -- a b; set -eu; trap 'echo late' EXIT; umask 0; PATH=; exit 0"
    first, second = ask(Shell(messy), Shell('echo "${X-}${Y-}$#$-" "$(umask)"; ls / >/dev/null && pwd'))
    assert said(first) == "late\n"
    assert "e" not in said(second).split()[0] and said(second).split()[0].startswith("0")
    assert "0000" not in said(second)


HOSTILE = {
    "hangs": ("sleep 60", "timed out after 0.3 s"),
    "ignores every signal": ("trap '' TERM INT HUP; while :; do sleep 1; done", "timed out after 0.3 s"),
    "floods": ("yes", "printed more than 5000 bytes"),
    "floods standard error": ("yes >&2", "printed more than 5000 bytes"),
    "prints a little too much": ("printf '%05001d' 0", "printed more than 5000 bytes"),
    "kills its group": ("kill 0", "killed the shell that asked it"),
    "kills its parent": ("kill -9 $PPID; sleep 1", "killed the shell that asked it"),
    "kills its shell": ("kill -9 $$", "killed the shell that asked it"),
    "kills itself": ("sh -c 'kill -9 $$'", "ended by signal 9"),
    "is not shell": ("echo 'unbalanced", "exited 2"),
    "closes the frame early": (") ; }; exit 0 #", "exited 2"),
    "is not installed": ("no-such-command --version", "not found"),
    "is not executable": ("/etc/passwd", "permission denied (exit 126)"),
    "says no": ("false", "exited 1"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_question_spoils_only_itself(name: str) -> None:
    script, expected = HOSTILE[name]
    before, bad, after = ask(Shell("echo before"), Shell(script, timeout=0.3, limit=5000), Shell("echo after"))
    assert said(before) == "before\n"
    assert expected in why(bad)
    assert said(after) == "after\n"


HARMLESS = {
    "reads its input": ("cat; read x; echo end", "end\n"),
    "exits": ("echo end; exit 0; echo never", "end\n"),
    "replaces itself": ("exec echo end", "end\n"),
    "closes its descriptors": ("echo end; exec >&- 2>&- <&- 3>&-", "end\n"),
    "leaves a process that holds the output": ("sleep 60 & echo end", "end\n"),
    "leaves one without a visible ampersand": ("eval \"sleep 60 $(printf '\\046')\"; echo end", "end\n"),
    "prints nothing": (":", ""),
    "has a here-document": ("cat <<END\nend\nEND", "end\n"),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_an_odd_question_is_answered_and_harms_nobody(name: str) -> None:
    script, expected = HARMLESS[name]
    before, odd, after = ask(Shell("echo before"), Shell(script, timeout=20), Shell("echo after"))
    assert (said(before), said(odd), said(after)) == ("before\n", expected, "after\n")


def test_what_a_question_left_behind_prints_into_no_other_answer() -> None:
    """One that is seen in the text, one that is hidden in a program."""
    hidden = "sh -c '(sleep 0.1; echo stray; sleep 60) &'; echo hidden"
    answers = ask(Shell("(sleep 0.05; echo stray) & echo seen"), Shell("sleep 0.2; echo quiet"))
    assert [said(answer) for answer in answers] == ["seen\n", "quiet\n"]
    assert [said(answer) for answer in ask(Shell(hidden), Shell("echo quiet"))] == ["hidden\n", "quiet\n"]


def test_a_held_output_makes_a_batch_doubtful_and_is_asked_for_again_one_by_one() -> None:
    transport = Counting()
    left = "eval \"sleep 60 $(printf '\\046')\"; echo left"
    answers = shell.answer([Shell(left), Shell("echo next")], transport, NOTHING)
    assert [said(answer) for answer in answers] == ["left\n", "next\n"]
    assert len(transport.scripts) == 3  # together, and then each alone


def test_many_hostile_questions_at_once() -> None:
    questions = [
        question
        for script, _ in HOSTILE.values()
        for question in (Shell(script, timeout=0.2, limit=5000), Shell("echo fine"))
    ]
    answers = ask(*questions)
    assert [said(answer) for answer in answers[1::2]] == ["fine\n"] * len(HOSTILE)
    assert all(isinstance(answer, Unanswered) for answer in answers[0::2])


def test_evidence_is_the_end_of_standard_error() -> None:
    (answer,) = ask(Shell("echo loud; echo reason >&2; exit 7"))
    assert isinstance(answer, Unanswered)
    assert (answer.why, answer.evidence) == ("exited 7", "reason")


def test_evidence_of_a_question_that_hangs() -> None:
    (answer,) = ask(Shell("echo waiting for godot >&2; sleep 60", timeout=0.3))
    assert isinstance(answer, Unanswered)
    assert answer.evidence == "waiting for godot"


@pytest.mark.parametrize(
    "words", ["sh: 1: eval: jq: not found", "sh: line 12: jq: command not found", "sh: eval: line 1: jq: not found"]
)
def test_a_missing_tool_is_named(words: str) -> None:
    (answer,) = ask(Shell(f"echo '{words}' >&2; exit 127"))
    assert why(answer) in ("jq: not found", "jq: command not found")


def test_a_permission_denied_is_said_so() -> None:
    (answer,) = ask(Shell("echo 'cat: /x: Permission denied' >&2; exit 1"))
    assert why(answer) == "permission denied (exit 1)"


def test_nobody_can_forge_the_end_of_a_question() -> None:
    answers = ask(Shell("set; cat /proc/$$/environ; trap; echo 0"), Shell("echo '00000000000000000000000000000000 0'"))
    assert all(isinstance(answer, Output) for answer in answers)


def test_the_path_comes_first(tmp_path: Path) -> None:
    tool = tmp_path / "a folder" / "our-tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho ours\n")
    tool.chmod(0o755)
    assert said(ask(Shell("our-tool"), surroundings=Surroundings((str(tool.parent),)))[0]) == "ours\n"


def test_the_application_s_environment_is_only_for_questions_that_ask_for_it() -> None:
    app = Surroundings((), {"OPEN": "it's"}, {"HIDDEN": Secret("canary's value")})
    script = 'echo "${OPEN-}/${HIDDEN-}"'
    answers = ask(Shell(script), Shell(script, app=True), Shell(script), surroundings=app)
    assert [said(answer) for answer in answers] == ["/\n", "it's/canary's value\n", "/\n"]


def test_our_own_environment_stays_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "canary-of-the-caller")
    assert "canary-of-the-caller" not in said(ask(Shell("env"))[0])


def test_a_name_that_no_variable_can_have_is_an_error() -> None:
    with pytest.raises(ConfigError, match="MY-KEY"):
        ask(Shell("true", app=True), surroundings=Surroundings((), {"MY-KEY": "x"}))


def command_lines() -> str:
    texts = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            texts.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(texts)


def test_no_secret_is_in_any_command_line(tmp_path: Path) -> None:
    canary = "canary-5d1f0c"
    begun = tmp_path / "begun"
    app = Surroundings((), {}, {"KEY": Secret(canary)})
    script = f'test "$KEY" && : > {begun}; sh -c "sleep 1.5"; echo "$KEY"'
    answers: list[Output | Unanswered] = []
    asking = threading.Thread(target=lambda: answers.extend(ask(Shell(script, app=True), surroundings=app)))
    asking.start()
    seen = ""
    while "sleep 1.5" not in seen and asking.is_alive():
        seen = command_lines()
    assert begun.exists()
    asking.join()
    assert said(answers[0]) == canary + "\n"
    assert "sleep 1.5" in seen and canary not in seen


def test_a_question_leaves_no_process_behind(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    ask(Shell(f"sleep 321 & echo $! > {pid}"))
    state, until = Path(f"/proc/{pid.read_text().strip()}/stat"), time.monotonic() + 10
    while state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < until
        time.sleep(0.005)


class Recorded:
    """A host that says what was recorded, and ends."""

    def __init__(self, *spoken: tuple[int, str], ended: Ended) -> None:
        self.spoken, self.ended, self.asked = spoken, ended, 0

    def run(self, script: str, receive: Receive, deadline: Deadline, mode: Mode = ASKED) -> Ended:
        self.asked += 1
        found = re.search(r"([0-9a-f]{32}) 0", script)
        assert found
        for stream, text in self.spoken:
            for byte in text.replace("MARK", found[1]).encode():
                receive(stream, bytes([byte]))
        return self.ended


def test_a_shell_that_does_not_start_answers_nothing() -> None:
    host = Recorded((ERR, "sh: cannot fork\n"), ended=Ended(2))
    answers = shell.answer([Shell("a"), Shell("b")], host, NOTHING)
    assert [why(answer) for answer in answers] == ["the shell exited 2 before the first question"] * 2
    assert host.asked == 1


def test_a_greeting_is_no_part_of_an_answer_and_marks_may_come_byte_by_byte() -> None:
    marks = "MARK 0\n{}MARK 0\n"
    host = Recorded((OUT, "Welcome!\n" + marks.format("yes\n")), (ERR, marks.format("")), ended=Ended(0))
    assert said(shell.answer([Shell("a")], host, NOTHING)[0]) == "yes\n"


def test_a_batch_whose_shell_was_killed_is_certain_of_nothing() -> None:
    batch = Batch([Shell("a"), Shell("b")], NOTHING)
    for stream in (OUT, ERR):
        batch.receive(stream, f"{batch.mark} 0\n{batch.mark} 0\n".encode())
    assert batch.settle(Ended(-9)) == {}
