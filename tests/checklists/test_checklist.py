from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from deploy.checklists.checklist import Checklist, load, parse
from deploy.errors import ConfigError
from deploy.probes.base import PROBES, Probe
from deploy.probes.bounds import Regex
from deploy.result import Severity

PATH = Path("checklist.md")
WHOLE = """\
# Everything

Text for people, with `code` and a [link](x).

```sh
some command
```

## prereqs

### Machines

- [ ] The disk has *room*
  and is fast
  ```yaml
  id: disk
  probe: test.number
  severity: warning
  above: 5
  on: db
  only: prod
  sources: [E12, E13]
  action: Make room.
  note: As in the docs.
  ```
- A remark, with a sub-list:
  - that is prose

- [x] Stakeholders notified

### Later

1. [ ] Numbers are good

   More prose.

   ~~~yml
   id: numbers
   probe: test.number
   due: 24h
   over: since-deployment
   above: 0.5
   ~~~

## validate.post

* [ ] An hour later
  ```
  id: hour
  probe: test.spanned
  due: 1h
  over: 1h
  ```
- [ ] A person looks at samples
  ```yaml
  id: samples
  probe: test.number
  above: 1
  signoff: product owner
  note: Twenty of them.
  ```
- [ ] A person decides
  ```yaml
  id: decision
  severity: info
  due: 7d
  ```
"""


class Number(Probe):
    """A number is above a limit."""

    example: ClassVar[str] = "above: 5"
    above: float
    matches: Regex | None = None


class Spanned(Probe):
    over: str = ""


@pytest.fixture(autouse=True)
def _probes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROBES, "test.number", Number)
    monkeypatch.setitem(PROBES, "test.spanned", Spanned)


def checklist(text: str = WHOLE) -> Checklist:
    return parse(text, PATH)


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        checklist(text)
    assert caught.value.exit_code == 2
    return str(caught.value)


def item(block: str, phase: str = "prereqs") -> str:
    inside = "".join(f"  {line}\n" for line in block.splitlines())
    return f"## {phase}\n\n- [ ] What must hold\n  ```yaml\n{inside}  ```\n"


def test_items_have_their_phase_section_and_line() -> None:
    told = [(item.id, item.phase, item.section, item.line) for item in checklist().items]
    assert told == [
        ("disk", "prereqs", "Machines", 13),
        ("stakeholders-notified", "prereqs", "Machines", 29),
        ("numbers", "prereqs", "Later", 33),
        ("hour", "validate.post", "", 47),
        ("samples", "validate.post", "", 54),
        ("decision", "validate.post", "", 62),
    ]


def test_a_block_binds_its_item() -> None:
    disk = checklist().by_id["disk"]
    assert disk.title == "The disk has *room* and is fast"
    assert disk.probe == Number(above=5)
    assert (disk.severity, disk.on, disk.only, disk.sources) == (Severity.WARNING, "db", ("prod",), ("E12", "E13"))
    assert (disk.action, disk.note, disk.signoff) == ("Make room.", "As in the docs.", False)


def test_an_item_without_a_block_is_a_critical_sign_off() -> None:
    told = checklist().by_id["stakeholders-notified"]
    assert (told.probe, told.signoff, told.severity, told.due) == (None, True, Severity.CRITICAL, "")


def test_a_block_without_a_probe_is_a_sign_off_and_one_with_both_is_signed_on_evidence() -> None:
    decision, samples = checklist().by_id["decision"], checklist().by_id["samples"]
    assert (decision.probe, decision.signoff, decision.due) == (None, True, "7d")
    assert (samples.probe, samples.signoff) == (Number(above=1), True)
    assert samples.note == "To be signed by: product owner. Twenty of them."


def test_over_is_the_items_and_where_it_asks_for_it_the_probes() -> None:
    assert (checklist().by_id["numbers"].over, checklist().by_id["hour"].over) == ("since-deployment", "1h")
    assert checklist().by_id["hour"].probe == Spanned(over="1h")


def test_a_phase_is_judged_at_once_or_within_a_window() -> None:
    def ids(phase: str, window: str | None = None) -> list[str]:
        return [item.id for item in checklist().phase(phase, window)]

    assert ids("prereqs") == ["disk", "stakeholders-notified"]
    assert ids("validate.post") == ["samples"]
    assert ids("validate.post", "1h") == ["hour", "samples"]
    assert ids("validate.post", "60m") == ["hour", "samples"]
    assert ids("validate.post", "7d") == ["hour", "samples", "decision"]
    assert ids("rollback") == []


def test_what_is_owed_comes_soonest_first() -> None:
    assert [item.id for item in checklist().owed()] == ["hour", "numbers", "decision"]


def test_crlf_and_a_mark_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "checklist.md"
    path.write_bytes(("\ufeff" + WHOLE.replace("\n", "\r\n")).encode())
    assert [item.line for item in load(path).items] == [item.line for item in checklist().items]
    assert load(path).items == checklist().items


BROKEN: list[tuple[str, str, str]] = [
    (
        "a duplicate id",
        item("id: a") + "- [ ] x\n  ```yaml\n  id: a\n  ```\n",
        ":7: the id 'a' is already that of line 3",
    ),
    ("equal sign-offs", "## prereqs\n- [ ] Told\n- [ ] Told\n", ":3: the id 'told' is already that of line 2"),
    ("an unknown window", item("id: a\ndue: 1week"), ":6: due: should be a span of time like 90m, 24h or 7d"),
    (
        "an unknown span",
        item("id: a\nprobe: test.spanned\nover: ever"),
        ":7: over: should be a span of time like 90m, 24h or 7d, or since-deployment",
    ),
    ("an empty phase", "## prereqs\n\n## backup\n- [ ] x\n", ":1: the phase 'prereqs' is empty"),
    ("a misspelt phase", "## prerqs\n- [ ] x\n", ":1: there is no phase 'prerqs'\n  did you mean 'prereqs'?"),
    ("an open block", "## prereqs\n- [ ] x\n  ```yaml\n  id: a\n", ":3: a block that is not closed"),
    (
        "an open block before the next item",
        "## prereqs\n- [ ] x\n  ```yaml\n  id: a\n- [ ] y\n",
        ":3: a block that is not closed",
    ),
    ("an open block of prose", "## prereqs\n- [ ] x\n\n```sh\nls\n", ":4: a block that is not closed"),
    ("a block that is only opened", "## prereqs\n- [ ] x\n  ```yaml", ":3: a block that is not closed"),
    ("no YAML", item("id: a\nnote: 'open"), ":6: not YAML"),
    ("a key twice", item("id: a\nid: b"), ":6: 'id' stands twice"),
    ("no mapping", item("- id"), ":5: no mapping"),
    ("an empty block", "## prereqs\n- [ ] x\n  ```yaml\n  ```\n", ": no mapping"),
    ("a tab", "## prereqs\n- [ ] x\n  ```yaml\n  id: a\n  only:\n  \t- prod\n  ```\n", ":6: a tab in the indentation"),
    ("a block outside", "## prereqs\n- [ ] x\n\n```yaml\nid: a\n```\n", ":4: a block outside an item"),
    (
        "a block in a remark",
        "## prereqs\n- [ ] x\n- remark\n  ```yaml\n  id: a\n  ```\n",
        ":4: a block outside an item",
    ),
    (
        "a block too far in",
        "## prereqs\n- [ ] x\n       ```yaml\n       id: a\n       ```\n",
        ":3: a block that is indented too far",
    ),
    (
        "a block too far in, apart",
        "## prereqs\n- [ ] x\n\n       ```yaml\n       id: a\n       ```\n",
        ":4: this is indented so far",
    ),
    ("an item before any phase", "- [ ] x\n", ":1: an item before the first phase"),
    ("an item inside an item", "## prereqs\n- [ ] x\n  - [ ] y\n", ":3: an item inside an item"),
    ("an item too far in", "## prereqs\n- [ ] x\n\ntext\n\n    - [ ] y\n", ":6: this is indented so far"),
    ("a box without a space", "## prereqs\n- [ ] x\n- [ ]y\n", ":3: this looks like an item"),
    ("a bullet without a space", "## prereqs\n- [ ] x\n\n-[ ] y\n", ":4: this looks like an item"),
    ("a box without its blank", "## prereqs\n- [ ] x\n- [] y\n", ":3: this looks like an item"),
    ("another tick", "## prereqs\n- [ ] x\n- [✓] y\n", ":3: this looks like an item"),
    ("an open comment", "## prereqs\n- [ ] x\n\n<!-- why\n\n- [ ] y\n", ":4: a comment that is not closed"),
    ("an item in HTML", "## prereqs\n- [ ] x\n\n<details>\n- [ ] y\n", ":5: an item or a block inside HTML"),
    (
        "prose that swallows an item",
        "## prereqs\n```sh\nls\n\n- [ ] x\n  ```yaml\n  id: a\n  ```\n",
        ":2: a block in which",
    ),
    ("two blocks", item("id: a") + "  ```yaml\n  id: b\n  ```\n", ":7: a second block in one item"),
    ("no text", "## prereqs\n- [ ]\n", ":2: an item without text"),
    ("no text, with a block", "## prereqs\n- [ ]\n  ```yaml\n  id: a\n  ```\n", ":2: an item without text"),
    ("a line under the text", "## prereqs\n- [ ] x\n  ---\n", ":2: a heading inside a list"),
    ("text without letters", "## prereqs\n- [ ] 完了\n", ":2: no id can be made of this text"),
    ("no id", item("probe: test.number\nabove: 1"), ":5: id: is missing\n  Add `id: …`."),
    ("a bad id", item("id: A_1"), ":5: id: should be made of a-z, 0-9 and -"),
    (
        "a misspelt probe",
        item("id: a\nprobe: test.numbr"),
        ":6: there is no probe 'test.numbr'\n  did you mean 'test.number'?",
    ),
    ("a probe that is no text", item("id: a\nprobe: [x]"), ":6: probe: should be text"),
    (
        "a misspelt parameter",
        item("id: a\nprobe: test.number\nabov: 1"),
        ":7: nothing is called 'abov' here\n  did you mean 'above'?",
    ),
    (
        "a misspelt key",
        item("id: a\nprob: test.number"),
        ":6: nothing is called 'prob' here; without `probe:` this is a sign-off\n  did you mean 'probe'?",
    ),
    ("a misspelt severity", item("id: a\nseverity: block"), ":6: severity: should be 'critical', 'warning' or 'info'"),
    ("a wrong type", item("id: a\nprobe: test.number\nabove: high"), ":7: above: should be a number\n  Found 'high'."),
    ("a missing parameter", item("id: a\nprobe: test.number"), ":5: above: is missing\n  Add `above: …`."),
    ("a broken pattern", item("id: a\nprobe: test.number\nabove: 1\nmatches: '['"), ":8: matches: "),
    ("neither probe nor person", item("id: a\nsignoff: false"), ":5: neither a probe nor a sign-off"),
    ("nothing at all", "", "checklist.md: no items"),
    ("only text", "# Title\n\ntext\n", "checklist.md: no items"),
]


@pytest.mark.parametrize(("text", "told"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_what_is_wrong_is_told_with_its_line(text: str, told: str) -> None:
    assert told in refusal(text)


def test_no_bound_at_all_is_refused_and_several_are_one_span() -> None:
    assert "a bound is missing" in refusal(item("id: a\nprobe: sql.value\nsql: select 1"))
    assert checklist(item("id: a\nprobe: sql.value\nsql: select 1\nabove: 1\nat_most: 2")).items


def test_everything_that_is_wrong_is_told_at_once_in_the_order_of_the_file() -> None:
    text = "- [ ] early\n" + item("id: A\nprobe: test.number\ndue: soon\nabov: 1") + "## backup\n"
    told = refusal(text)
    assert told.startswith("6 problems\n")
    lines = [int(line.split(":")[1]) for line in told.splitlines() if line.startswith("checklist.md:")]
    assert lines == [1, 6, 6, 8, 9, 11]


def test_prose_in_quotes_comments_and_other_languages_binds_nothing() -> None:
    text = (
        "## prereqs\n- [ ] x\n  ```sql\n  select 1\n  ```\n  > - [ ] quoted\n\n<!-- - [ ] hidden -->\n- [text](link)\n"
    )
    assert [item.id for item in checklist(text).items] == ["x"]


def test_bytes_that_are_no_utf8_and_files_that_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "checklist.md"
    with pytest.raises(ConfigError, match=r"checklist\.md: cannot be read"):
        load(path)
    path.write_bytes(b"## prereqs\n- [ ] caf\xe9\n")
    with pytest.raises(ConfigError, match=r"checklist\.md:2: not UTF-8"):
        load(path)


def test_an_environment_that_does_not_exist_would_leave_an_item_out_for_ever(tmp_path: Path) -> None:
    (tmp_path / "system.yaml").write_text("environments:\n  local: {}\n  prod: {}\n")
    (tmp_path / "checklist.md").write_text(item("id: a\nonly: [prd]"))
    with pytest.raises(ConfigError, match=r":3: `only`: there is no environment 'prd'\n  did you mean 'prod'\?"):
        load(tmp_path / "checklist.md")


Mangle = Callable[[str], str]


@pytest.mark.parametrize("mangle", [str, lambda text: text.replace("\n", "\r"), lambda text: text + "\x0c\u2028- text"])
def test_lines_are_counted_as_markdown_counts_them(mangle: Mangle) -> None:
    assert [item.line for item in checklist(mangle(WHOLE)).items] == [13, 29, 33, 47, 54, 62]
