"""A release on its way to another machine: whole, or only its partial folder."""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy import folders
from deploy.channels.connections import Connections
from deploy.channels.transport import Payload, Transport
from deploy.deployment import Deployment
from deploy.errors import CommandFailed, Unreachable
from deploy.steps import deliver
from deploy.steps.release import ReleaseStep
from tests.backups.world import Said
from tests.ssh.world import Fleet, Host, wait_until
from tests.steps.test_deliver import ODD, World, same

pytestmark = pytest.mark.live


class Far(World):
    """A repository here, and a host elsewhere, whose `/srv/app` is the root."""

    def __init__(self, folder: Path, host: Host, transport: Transport) -> None:
        super().__init__(folder)
        self.there, self.transport, self.root = host, transport, Path("/srv/app")
        self.write(ODD)
        (self.source / "big").write_bytes(random.Random(1).randbytes(5_000_000))

    def deployment(self) -> Deployment:
        one = super().deployment()
        one.site.reach.transport = lambda host: self.transport  # type: ignore[method-assign]
        return one

    def names(self) -> list[str]:
        return sorted(path.name for path in self.there.srv.glob("app/releases/*"))


def broken(packed: Any, accident: Callable[[], None]) -> Any:
    """As `packed`, with an accident when the first megabyte is on its way."""

    @contextmanager
    def breaking(*given: Any) -> Iterator[Payload]:
        with packed(*given) as payload:
            chunks = iter(payload.chunks)

            def some() -> Iterator[bytes]:
                yield from itertools.islice(chunks, 4)
                accident()
                yield from chunks

            yield Payload(payload.size, some())

    return breaking


@pytest.fixture
def far(
    connections: Connections, fleet: Fleet, first: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Far]:
    monkeypatch.setattr(folders, "PROJECT", tmp_path / "project")
    yield Far(tmp_path, first, connections.transport(fleet.address(first)))
    shutil.rmtree(first.srv / "app", ignore_errors=True)


def test_a_release_arrives_and_the_next_brings_what_changed(far: Far) -> None:
    for most in (6_000_000, 10_000):
        folder, sent = far.release()
        assert sent < most
        same(far.there.srv / folder.relative_to("/srv"), far.source)
        far.write({"new": "file"})


def test_a_connection_lost_half_way_leaves_the_partial_folder_and_no_process(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = far.deployment()
    unpacked = far.there.srv / f"app/releases/.{one.release}.partial/tree/a file"

    def accident() -> None:
        wait_until(unpacked.exists)
        far.there.sshd()

    monkeypatch.setattr(deliver, "packed", broken(deliver.packed, accident))
    with pytest.raises(Unreachable, match="the files of the commit"):
        deliver.deliver(one, Said())
    monkeypatch.undo()
    monkeypatch.setattr(folders, "PROJECT", far.source.parent / "project")
    wait_until(lambda: not far.there.running("tar -xo"))
    assert far.names() == [f".{one.release}.partial"]
    ReleaseStep(one).do(Said())
    same(far.there.srv / f"app/releases/{one.release}", far.source)
    assert far.names() == [one.release]


def test_a_full_disk_is_said_and_nothing_gets_the_name(far: Far) -> None:
    one = far.deployment()
    far.there.run("mkdir", "-p", "/srv/app")
    far.there.run("mount", "-t", "tmpfs", "-o", "size=3m,mode=777", "tmpfs", "/srv/app")
    try:
        with pytest.raises(CommandFailed, match="No space left on device"):
            ReleaseStep(one).do(Said())
        assert far.there.run("ls", "-A", "/srv/app/releases").split() == [f".{one.release}.partial"]
        assert not ReleaseStep(one).done()
    finally:
        far.there.run("umount", "/srv/app")
