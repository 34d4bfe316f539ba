"""The runbook that is made of a system: every command in it can be pasted, and works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flow.test_command_line import assert_told
from tests.flow.world import TINY, World

pytestmark = pytest.mark.live

PROJECT = TINY.parent.parent.parent
CONTACTS = """\
  test:
    contacts:
      on call: Ada B., +44 20 7946 0000
"""


def blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)


def shell(world: World, script: str) -> subprocess.CompletedProcess[str]:
    """Paste a block into a shell in which `invoke` is this toolkit's."""
    folder = world.folder / "bin"
    folder.mkdir(exist_ok=True)
    ours = folder / "invoke"
    ours.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m invoke --search-root "{PROJECT}" "$@"\n')
    ours.chmod(0o755)
    environ = {key: value for key, value in world.command_environ.items() if key not in ("DEPLOY_SYSTEM", "DEPLOY_ENV")}
    path = f"{folder}:{environ['PATH']}"
    return subprocess.run(
        ["sh", "-eu", "-c", script],
        env=environ | {"PATH": path, "BY": "Ada B."},
        cwd=world.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_every_command_of_a_runbook_can_be_pasted(world: World) -> None:
    described = world.systems / "tiny" / "system.yaml"
    described.write_text(described.read_text().replace("  test:\n", CONTACTS))
    path = world.folder / "RUNBOOK.md"
    assert_told(world.invoke("runbook", "--ref=v2", f"--output={path}"), 0)
    text = path.read_text()
    for told in ("Ada B., +44 20 7946 0000", "above 0", "Look at the worker.", "announced", "## Go back"):
        assert told in text
    assert world.server.app_password not in text and world.server.api_key not in text
    *commands, plan = blocks(text)
    assert subprocess.run(["sh", "-n"], input=plan, text=True).returncode == 0
    for block in commands:
        if "rollback --system" in block:
            assert world.state().release == world.releases["v2"]
        done = shell(world, block)
        allowed = 6 if "--window=24h" in block else 0  # the day has not passed yet
        assert done.returncode == allowed, block + done.stdout + done.stderr
    assert world.state().release == world.releases["v1"]
    assert len(list(world.archive.journals()[1].all("signed", by="Ada B."))) == 1


def test_contacts_must_be_filled_in(world: World) -> None:
    described = world.systems / "tiny" / "system.yaml"
    wanted = CONTACTS.replace("Ada B., +44 20 7946 0000", "TODO")
    described.write_text(described.read_text().replace("  test:\n", wanted))
    assert_told(world.invoke("runbook"), 2, "contacts.on call: a placeholder")
    assert not Path(world.folder / "RUNBOOK.md").exists()
