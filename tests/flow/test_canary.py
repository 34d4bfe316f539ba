"""Every secret is a canary: it must not be seen anywhere, however a deployment ends."""

from __future__ import annotations

import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.errors import DeployError
from tests.flow.world import World

pytestmark = pytest.mark.live


def canaries(world: World) -> list[str]:
    return [world.server.app_password, world.server.admin_password, world.server.api_key]


def seen_in(world: World, text: str) -> list[str]:
    return [canary for canary in canaries(world) if canary in text]


def lines() -> Iterator[str]:
    """What `ps` shows: read from /proc, which is quicker, where there is one."""
    if not Path("/proc/self/cmdline").exists():
        yield from subprocess.run(
            ["ps", "-axwwo", "args"], check=True, capture_output=True, text=True
        ).stdout.splitlines()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile


@contextmanager
def command_lines() -> Iterator[set[str]]:
    """The command lines of all processes of this machine, looked at again and again while it lasts."""
    found: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.005):
            found.update(lines())

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()


def assert_unseen(world: World) -> None:
    """In no file of the world, by its name or in it, and in no table or comment of any of its databases."""
    for path in world.folder.rglob("*"):
        assert not seen_in(world, str(path))
        if path.is_file() and not path.is_symlink():
            assert not seen_in(world, path.read_bytes().decode("latin-1")), path
    with world.server.superuser() as connection:
        query = "select datname, shobj_description(oid, 'pg_database') from pg_database where starts_with(datname, %s)"
        names = connection.execute(query, [world.name]).fetchall()
    assert names
    assert not seen_in(world, str(names))
    for name, _ in names:
        assert not seen_in(world, dumped(world, name))


def dumped(world: World, database: str) -> str:
    done = subprocess.run(
        [world.server.bin / "pg_dump", world.server.url(database)], check=True, capture_output=True, text=True
    )
    assert "CREATE TABLE public.place" in done.stdout
    return done.stdout


def test_no_secret_is_seen_however_a_deployment_ends(world: World) -> None:
    """One whose programs print their secrets, fine and failing; one that restores; a rollback; and the plans."""
    with command_lines() as lines:
        ends = [
            world.invoke("deploy.test", "--ref=chatty"),
            world.invoke("deploy.test", "--ref=leaky"),
            world.invoke("deploy.test", "--ref=destructive"),
            world.invoke("rollback"),
            world.invoke("--dry", "deploy.test", "--ref=v2"),
            world.invoke("rollback.plan", "--database=restore"),
            world.invoke("prereqs", "--format=junit"),
        ]
    printed = "\n".join(end.stdout + end.stderr for end in ends)
    assert [end.returncode for end in ends] == [0, 3, 3, 0, 0, 0, 0], printed
    assert "***" in printed
    assert any("pg_restore" in line for line in lines), "the processes were looked at"
    assert not seen_in(world, printed)
    assert not seen_in(world, "\n".join(lines))
    assert_unseen(world)


@pytest.mark.parametrize("role", ["app_password", "admin_password"])
def test_wrong_password_is_not_told(world: World, role: str) -> None:
    world.server = replace(world.server, **{role: "sekret-that-is-wrong"})
    with pytest.raises(DeployError) as told:
        world.deploy("v2")
    assert "sekret" not in "".join(traceback.format_exception(told.value))
    assert "sekret" not in repr(world.session().environment)
    assert_unseen(world)


def test_defect_of_ours_is_shown_without_secrets(world: World) -> None:
    script = (
        "import sys\nfrom deploy import operate\nfrom invoke.main import program\n"
        "def broken(session, *rest):\n    raise RuntimeError(session.site.url('app').reveal())\n"
        "operate.deploy = broken\nprogram.run(sys.argv)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "deploy.test"],
        cwd=Path(__file__).parent.parent.parent,
        env=world.command_environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "This is a defect of pipeline-deploy" in done.stderr
    assert "RuntimeError: ***" in done.stderr
    assert not seen_in(world, done.stdout + done.stderr)
