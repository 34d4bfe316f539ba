"""What deployments leave to read: pages, two of them side by side, and an incident that is closed when it is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.errors import DeploymentFailed
from deploy.reports.incident import FIELDS, TO_FILL_IN
from tests.flow.test_command_line import assert_told
from tests.flow.world import World

pytestmark = pytest.mark.live


def reports(world: World, number: int) -> Path:
    return world.control / "reports" / world.archive.journals()[number].id


def test_pages_are_left_built_again_and_compared(world: World) -> None:
    world.deploy("v2")
    first, second = world.archive.journals()
    page = reports(world, 1) / "report.html"
    assert "v2" in page.read_text()
    page.unlink()
    assert_told(world.invoke("report.open"), 0, str(page))
    before = page.read_text()
    assert_told(world.invoke("report.build", second.id[-4:]), 0, "report.md", "report.html")
    assert page.read_text() == before
    assert_told(world.invoke("report.compare", first.id, "latest"), 0, "Durations of the phases", "v1", "v2")
    side = world.folder / "side.html"
    assert_told(world.invoke("report.compare", first.id, "latest", f"--output={side}"), 0)
    assert first.id in side.read_text() and second.id in side.read_text()
    assert_told(world.invoke("report.build", "nothing"), 2, "there is no deployment 'nothing'")
    assert_told(world.invoke("incident.close", "latest", "--by=Ada"), 2, "it has no incident")


def test_an_incident_is_closed_when_every_field_is_filled_in(world: World) -> None:
    with pytest.raises(DeploymentFailed):
        world.deploy("halfway")
    incident = reports(world, 1) / "incident.md"
    assert "rollback" in (reports(world, 1) / "incident.html").read_text()
    assert_told(world.invoke("incident.close", "latest", "--by=Ada Lovelace"), 2, ", ".join(FIELDS))
    for name in FIELDS:
        text = incident.read_text()
        filled = "Ada Lovelace" if name == "Owner" else f"What Ada knows of {name}."
        incident.write_text(text.replace(f"## {name}\n\n{TO_FILL_IN}", f"## {name}\n\n{filled}"))
    assert_told(world.invoke("report.build", "latest"), 0)
    assert_told(world.invoke("incident"), 0, "open; to fill in: nothing")
    assert_told(world.invoke("incident.close", "latest", "--by=TODO"), 2, "names nobody")
    assert_told(world.invoke("incident.close", "latest", "--by=Ada Lovelace"), 0, "The incident is closed.")
    assert "Closed by Ada Lovelace" in incident.read_text() and "What Ada knows of Cause." in incident.read_text()
    assert_told(world.invoke("incident.close", "latest", "--by=Ada Lovelace"), 2, "is closed already, by Ada Lovelace")
    assert world.archive.verify() == []
    assert json.loads(world.invoke("deploy.history", "--format=json").stdout)[0]["outcome"] == "rolled back"
