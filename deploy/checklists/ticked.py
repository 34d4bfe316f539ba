"""The checklist as the document of a deployment: the same file, ticked, with what was found under each item."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from deploy import plain
from deploy.checklists.checklist import Checklist
from deploy.checklists.outline import Entry, outline, raw_lines
from deploy.result import Result, Status
from deploy.yamlfile import BOM

HELD = frozenset({Status.PASS, Status.WAIVED})
BOX = re.compile(r"\[[ xX]\]")


def ticked(checklist: Checklist, results: Iterable[Result]) -> str:
    """The checklist's text: `[x]` where every result of an item passes or is waived, and a quote line for each result.

    Everything else stays byte for byte, line ends and byte order mark included. Sign-offs and waivers are told by the
    results they were applied to.
    """
    by_item: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_item[result.item].append(result)
    mark, body = (BOM, checklist.text[1:]) if checklist.text.startswith(BOM) else ("", checklist.text)
    ids = {item.line: item.id for item in checklist.items}
    lines = raw_lines(body)
    for entry in reversed(outline(body, str(checklist.path)).entries):  # from the end: insertions move what follows
        _tick(lines, entry, by_item[ids[entry.line]])
    return mark + "".join(lines)


def _tick(lines: list[str], entry: Entry, results: list[Result]) -> None:
    held = bool(results) and all(result.status in HELD for result in results)
    box = lines[entry.line - 1]
    lines[entry.line - 1] = BOX.sub("[x]" if held else "[ ]", box, count=1)
    indent = re.sub(r"[^\t]", " ", box[: box.index("[")])
    last = lines[entry.end - 1]
    end = last[len(last.rstrip("\r\n")) :]
    start = f"{indent}> - " if len(results) > 1 else f"{indent}> "
    quotes = [start + _quote(result) for result in results]
    if end:
        lines[entry.end : entry.end] = [quote + end for quote in quotes]
    else:  # the file ends without a line end, and so it shall
        lines[entry.end - 1] = "\n".join([last, *quotes])


def _quote(result: Result) -> str:
    held = result.status in HELD
    expected = f"expected {result.expected}" if result.expected and not held else ""
    found = f"found {result.found}" if expected and result.found else result.found
    evidence = " ".join(plain.lines(result.evidence, most=3))
    told = [plain.markdown(part, 300) for part in (expected, found, evidence) if part]
    where = [plain.markdown(result.host)] if result.host else []
    return " · ".join([f"**{result.status}**", *told, *where, f"{result.asked_at:%Y-%m-%d %H:%M:%S} UTC"])
