"""Results as JUnit XML, for CI: a suite a phase, a case an item.

A fail is a failure; unknown and pending are errors, since neither was seen to hold; skipped is skipped; waived passes,
with the waiver as a property. Severity is a property too: CI shows every open item red, also those that close no gate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from xml.etree import ElementTree

from deploy import plain
from deploy.result import Result, Status

TAGS = {Status.FAIL: "failure", Status.UNKNOWN: "error", Status.PENDING: "error", Status.SKIPPED: "skipped"}


def report(results: Sequence[Result], name: str, *, signoffs_hold: bool = True) -> str:
    """The XML document; `name` is that of the whole (`extraction_engine prod`).

    Where sign-offs are only shown, what awaits one is skipped: nobody is going to sign it there.
    """
    tags = TAGS if signoffs_hold else {**TAGS, Status.PENDING: "skipped"}
    root = ElementTree.Element("testsuites", {"name": plain.line(name), **_totals(results, tags)})
    for phase, group in groupby(results, key=lambda result: result.phase):
        within = list(group)
        suite = ElementTree.SubElement(root, "testsuite", {"name": plain.line(phase), **_totals(within, tags)})
        for result in within:
            _case(suite, result, tags.get(result.status))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _totals(results: Sequence[Result], tags: Mapping[Status, str]) -> dict[str, str]:
    found = [tags.get(result.status) for result in results]
    return {
        "tests": str(len(found)),
        "failures": str(found.count("failure")),
        "errors": str(found.count("error")),
        "skipped": str(found.count("skipped")),
        "time": f"{sum(result.took for result in results):.3f}",
    }


def _case(suite: ElementTree.Element, result: Result, tag: str | None) -> None:
    where = f" @{result.host}" if result.host else ""
    case = ElementTree.SubElement(
        suite, "testcase", classname=plain.line(result.phase), name=plain.line(result.title + where),
        time=f"{result.took:.3f}",
    )  # fmt: skip
    properties = ElementTree.SubElement(case, "properties")
    told = {"item": result.item, "severity": result.severity, "status": result.status, "due": result.due}
    if result.status is Status.WAIVED:
        told["waiver"] = result.evidence
    for key, value in told.items():
        if value:
            ElementTree.SubElement(properties, "property", name=key, value=plain.line(value, 1000))
    if tag:
        outcome = ElementTree.SubElement(case, tag, message=plain.line(result.found, 500), type=result.status)
        outcome.text = _told(result)
    elif result.found or result.evidence:
        ElementTree.SubElement(case, "system-out").text = _told(result)


def _told(result: Result) -> str:
    parts = {"expected": result.expected, "found": result.found, "do": result.action}
    rows = [f"{label}: {plain.line(text, 1000)}" for label, text in parts.items() if text]
    return "\n".join([*rows, plain.cut(result.evidence)]).strip()
