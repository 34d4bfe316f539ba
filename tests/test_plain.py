import pytest

from deploy import plain
from deploy.secret import Secret


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;never closed\nevidence", "\nevidence"),
        ("a\x00b\x07c\x7fd\x9be", "abcde"),
        ("50%\r60%", "50%\n60%"),
        ("one\r\ntwo", "one\ntwo"),
        ("pay\u202egnp.exe", "paygnp.exe"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("\ud800broken", "broken"),
        ("👩\u200d💻 and می\u200cخواهم", "👩\u200d💻 and می\u200cخواهم"),
    ],
)
def test_what_a_terminal_would_obey_is_taken_out(given: str, shown: str) -> None:
    assert plain.clean(given) == shown


def test_secrets_are_masked_also_where_colours_cut_them() -> None:
    Secret("correct-horse-battery")
    assert plain.clean("the correct-\x1b[1mhorse-battery staple") == "the *** staple"


def test_a_secret_is_masked_before_a_line_is_cut() -> None:
    Secret("secret-at-the-end-of-the-line")
    assert "secret-at" not in plain.line("x" * 10 + " secret-at-the-end-of-the-line", limit=20)


def test_a_line_is_one_line_and_cut() -> None:
    assert plain.line("a\n  b\tc") == "a b c"
    assert plain.line("x" * 1_000_000, limit=5) == "xxxx…"


def test_of_many_lines_the_first_are_kept_and_the_rest_counted() -> None:
    assert plain.lines("1\n\n2\n3\n4", most=2) == ["1", "2", "… 2 more lines"]


def test_markdown_and_html_are_only_characters() -> None:
    assert plain.markdown("<script> [red] *a* `b` | c") == r"\<script\> \[red\] \*a\* \`b\` \| c"


def test_a_code_block_cannot_be_closed_from_inside() -> None:
    assert plain.fenced("a\n```\nb").split("\n") == ["````text", "a", "```", "b", "````"]
