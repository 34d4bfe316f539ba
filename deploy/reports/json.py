"""Results for machines: one JSON object, its keys stable."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from deploy import plain
from deploy.reports.grouped import outcome
from deploy.result import Result, Status, closing


def report(
    results: Sequence[Result],
    about: Mapping[str, Any] | None = None,
    *,
    signoffs_hold: bool = True,
    failed: bool = False,
) -> str:
    """{gate: open or closed, status, notes, counts: {status: n}, results: […]}, with `about` (system, …) before them.

    `status` is ready, needs fixes or blocked, `notes` say why; `failed` tells that the flow did not succeed. The gate
    is closed as well when there is no result at all; `signoffs_hold` tells whether pending items close it.
    """
    counts = Counter(result.status for result in results)
    held = [each for each in closing(results) if signoffs_hold or each.status is not Status.PENDING]
    found = outcome(results, signoffs_hold=signoffs_hold, failed=failed)
    whole = {
        **(about or {}),
        "gate": "closed" if held or not results else "open",
        "status": found.status.value,
        "notes": list(found.notes),
        "counts": {status.value: counts[status] for status in Status},
        "results": [_row(result) for result in results],
    }
    return json.dumps(whole, ensure_ascii=False, indent=2, default=str) + "\n"


def _row(result: Result) -> dict[str, Any]:
    return {
        "item": result.item,
        "title": plain.line(result.title, 1000),
        "phase": result.phase,
        "severity": result.severity.value,
        "status": result.status.value,
        "expected": plain.line(result.expected, 1000),
        "found": plain.line(result.found, 1000),
        "evidence": plain.cut(result.evidence),
        "action": plain.line(result.action, 1000),
        "host": plain.line(result.host),
        "due": result.due,
        "asked_at": result.asked_at.isoformat(),
        "took": round(result.took, 3),
    }
