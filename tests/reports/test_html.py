"""What the pages say, and what nothing in them may become."""

import re
from dataclasses import replace
from html.parser import HTMLParser

from deploy.reports.compare import Comparison
from deploy.reports.html import comparison, incident, report, timeline
from deploy.reports.visible import visible
from deploy.result import Result, Severity, Status
from deploy.secret import Secret
from tests.reports.pages import GOOD, HOSTILE_RECORD, WHOLE, large, rate
from tests.reports.recorded import HOSTILE, HOSTILE_RESULT, NOW
from tests.reports.test_incident import INCIDENT


class Page(HTMLParser):
    """A page's texts, tags and addresses; a tag that is not closed where it should be is an error."""

    EMPTY = frozenset({"meta", "input", "circle", "rect", "path", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def test_the_verdict_comes_first_then_why_it_failed_and_all_that_supports_it() -> None:
    text = Page(report(WHOLE)).text
    order = ["Blocked", "critical items close the gate", "Rolled back", "Why it failed", "the column is there already",
             "What does not hold", "Timeline", "migrate broke off", "Numbers against their limits", "Checklist",
             "Migrations", "1_init", "Backups", "restored and equal", "Sign-offs and waivers", "Versions and hosts",
             "0123456789abcdef", "web1, web2"]  # fmt: skip
    places = [text.find(each, text.find("Skip")) for each in order]
    assert -1 not in places
    headings = re.findall(r"<h2[^>]*>([^<]*)", report(WHOLE))
    assert headings[:4] == ["Why it failed", "Notes", "What does not hold", "Timeline"]


def test_a_good_deployment_says_ready_and_has_no_empty_sections() -> None:
    text = Page(report(GOOD)).text
    assert "Ready all that counts holds" in text
    assert "Why it failed" not in text and "What does not hold" not in text and "Incident" not in text


def test_a_page_asks_no_network_and_runs_one_script_of_its_own() -> None:
    for text in (report(WHOLE), incident(INCIDENT), comparison(Comparison(GOOD, WHOLE))):
        page = Page(text)
        policies = [
            attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy"
        ]
        assert len(policies) == 1 and "default-src 'none'" in str(policies[0])
        assert page.count("script") == 1 and page.count("style") == 1
        addresses = {value for _, attrs in page.tags for name, value in attrs.items() if name in ("src", "href")}
        assert all(str(each).startswith("#") or each in ("incident.html", "report.html") for each in addresses)


def test_a_window_that_came_later_is_a_section_with_its_time_and_the_newest_point_of_its_number() -> None:
    text = Page(report(WHOLE)).text
    assert "validate.post after 24h judged 2026-11-24 01:30:00 UTC" in text
    label = re.search(r'aria-label="(Sources succeed: [^"]*)"', report(WHOLE))
    assert label and label[1] == "Sources succeed: before 0.95, deployed 0.91, +24h 0.7; expected above 0.85"
    assert [row["phase"].name for row in timeline(WHOLE.phases)] == ["prereqs", "migrate", "validate.post"]


def test_equal_answers_of_many_hosts_are_one_line_and_the_odd_one_stands_out() -> None:
    results = [rate(Status.PASS, "0.9", f"web{number}") for number in range(9)] + [rate(Status.FAIL, "0.1", "web9")]
    text = Page(report(replace(GOOD, phases=[replace(GOOD.phases[0], results=results)]))).text
    assert "1 of 10 hosts" in text and "hosts differ" in text
    assert "differs: web9" in text and "web0, web1, web2" in text


def test_hostile_texts_stay_text() -> None:
    known = replace(
        INCIDENT, what=HOSTILE, steps=[HOSTILE], commands=[HOSTILE], results=[HOSTILE_RESULT],
        records=[{"seq": 1, "kind": HOSTILE, "x": HOSTILE}], fields={"Cause": HOSTILE}, closed=HOSTILE,
    )  # fmt: skip
    for text in (report(HOSTILE_RECORD), incident(known), comparison(Comparison(HOSTILE_RECORD, WHOLE))):
        assert not set(text) & {"\x1b", "\x00", "\u202e", "\ud800"}
        assert len(text) < 200_000
        page = Page(text)
        assert page.count("script") == 1
        assert (
            "␛[31mred" in page.text
            and "<script>alert(1)</script>" in page.text
            and "⟨U+202E⟩turned␀⟨U+D800⟩" in page.text
        )
    assert "characters are shown)" in Page(report(HOSTILE_RECORD)).text


def test_what_is_cut_says_how_much_there_was_and_a_secret_is_masked_before() -> None:
    assert visible("x" * 3000, 10) == "xxxxxxxxxx… (cut: 10 of 3,000 characters are shown)"
    Secret("correct horse")
    assert visible("1234 correct horse battery", 12).startswith("1234 *** bat")
    assert visible("a\tb\r\nc\x7f\xad") == "a   b\nc␡⟨U+00AD⟩"


def test_a_report_of_500_items_stays_small() -> None:
    assert len(report(large(500)).encode()) < 2_000_000


def test_what_people_wrote_about_an_incident_and_what_is_missing() -> None:
    text = Page(incident(replace(INCIDENT, fields={"Impact": "None, it was night."}))).text
    assert "Open incident" in text and "None, it was night." in text
    assert text.count("To be filled in, in incident.md") == 6


def test_warnings_alone_need_fixes_and_an_unfinished_deployment_is_blocked() -> None:
    slow = Result("slow", "It is quick", "prereqs", Severity.WARNING, Status.FAIL, asked_at=NOW)
    warned = replace(GOOD, phases=[replace(GOOD.phases[0], results=[slow])])
    assert "Needs fixes 1 warning does not hold" in Page(report(warned)).text
    assert "Blocked the deployment is not finished" in Page(report(replace(GOOD, how="open"))).text
