"""A report that cannot be made never hides how a deployment ended, and is no success by itself."""

from __future__ import annotations

from typing import Any, cast

import pytest

from deploy.errors import DeploymentFailed
from deploy.operate import recorded
from tests.flow.world import Silent

NOTHING: Any = None


def ending(monkeypatch: pytest.MonkeyPatch, defect: Exception, error: Exception | None = None) -> list[str]:
    """End a deployment whose report fails with `defect`; what people are told."""

    def broken(*_: object) -> None:
        raise defect

    monkeypatch.setattr("deploy.operate.write_record", broken)
    view = Silent()
    with recorded(NOTHING, NOTHING, NOTHING, NOTHING, cast(Any, view)):
        if error:
            raise error
    return view.told


def test_the_deployments_own_error_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeploymentFailed, match="the load failed"):
        ending(monkeypatch, ValueError("a template"), DeploymentFailed("the load failed"))


def test_a_defect_of_a_report_after_a_success_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="a template"):
        ending(monkeypatch, ValueError("a template"))


def test_a_disk_without_room_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ending(monkeypatch, OSError(28, "No space left")) == ["The report could not be written: No space left."]
