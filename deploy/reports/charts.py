"""Small charts: inline SVG that takes its colours from the page, and a line of blocks for the terminal."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from deploy.reports.numbers import Number, short
from deploy.reports.visible import visible

if TYPE_CHECKING:
    from pygal.graph.graph import Graph

SERIES = re.compile(r"series serie-(\d+)")
SLOTS = 20  # places in the chart of durations, so that a few bars do not become blocks
BLOCKS = "▁▂▃▄▅▆▇█"
UNSEEN = ("defs", "desc", "title")  # styles and scripts of the library's own, texts for its tooltips


def against_limits(numbers: Sequence[Number]) -> str:
    """The numbers of one item at each of their moments as dots on lines, its limits as dashed lines across."""
    pygal = _library()
    moments = list(dict.fromkeys(point.label for number in numbers for point in number.points))
    levels = [value for _, value in numbers[0].limits]
    drawn = [value for number in numbers for value in (point.value for point in number.points)]
    scale = [{"value": value, "label": short(value)} for value in _scale([*levels, *drawn])]
    chart = pygal.Line(
        js=[], css=[], width=260, height=92 if len(moments) > 1 else 70, margin=3, show_legend=False, dots_size=3.5,
        show_y_guides=False, x_labels=["", *(visible(each, 20) for each in moments), ""], y_labels=scale,
        truncate_label=-1, disable_xml_declaration=True,
    )  # fmt: skip
    kinds = []
    for number in numbers:
        found = {point.label: point.value for point in number.points}
        chart.add(number.label, [None, *(found.get(moment) for moment in moments), None])
        kinds.append(f"found {number.last.status}")
    for level in levels:
        chart.add("limit", [level] * (len(moments) + 2), show_dots=False)
        kinds.append("limit")
    return _inline(chart, f"{numbers[0].title}: {_told(numbers)}; expected {numbers[0].expected}", kinds)


def _told(numbers: Sequence[Number]) -> str:
    return "; ".join(
        f"{number.label} ".lstrip() + ", ".join(f"{point.label} {short(point.value)}" for point in number.points)
        for number in numbers
    )


def durations(seconds: Sequence[float]) -> str:
    """The durations of deployments, the latest last, as a sparkline."""
    pygal = _library()
    chart = pygal.Bar(
        js=[], css=[], width=260, height=48, margin=2, show_legend=False, show_x_labels=False, show_y_labels=False,
        show_y_guides=False, disable_xml_declaration=True, range=(0, max(seconds, default=1) or 1),
    )  # fmt: skip
    chart.add("seconds", [*seconds, *[None] * (SLOTS - len(seconds))])
    told = ", ".join(f"{each:.0f}" for each in seconds)
    return _inline(chart, f"Durations of the latest {len(seconds)} deployments in seconds: {told}", ["found"])


def _scale(values: Sequence[float]) -> list[float]:
    """The labels of the y axis: the least and the most, drawn apart where they are one."""
    low, high = min(values), max(values)
    return [low, high] if low < high else [low, low + (abs(low) or 1)]


def _inline(chart: Graph, told: str, kinds: Sequence[str]) -> str:
    """The chart without styles, scripts and ids: the page has its own, and a reader hears `told`.

    `kinds` are the classes of its series.
    """
    root = chart.render_tree()
    for parent in list(root.iter()):
        for child in list(parent):
            unseen = child.tag in UNSEEN or child.tag is ElementTree.Comment
            if unseen or "tooltip-overlay" in child.get("class", ""):
                parent.remove(child)
    for each in root.iter("g"):
        if serie := SERIES.match(each.get("class", "")):
            each.set("class", f"series {kinds[int(serie[1])]}")
    root.attrib.pop("id", None)
    root.set("role", "img")
    root.set("aria-label", visible(told))
    return ElementTree.tostring(root, encoding="unicode")


def sparkline(values: Sequence[float]) -> str:
    """One block for each value, from zero to the largest: `▂▃█`."""
    most = max(values, default=0) or 1
    return "".join(BLOCKS[min(7, int(8 * max(value, 0) / most))] for value in values)


def _library() -> Any:
    """Pygal, without the finder that it puts into this process for plug-ins we do not use, in a form long outdated."""
    before = list(sys.meta_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)
        import pygal

    sys.meta_path[:] = [finder for finder in sys.meta_path if finder in before or not _is_pygals(finder)]
    return pygal


def _is_pygals(finder: object) -> bool:
    return type(finder).__module__.startswith("pygal")
