from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from deploy.backups import dump
from deploy.backups.dump import create, read_sums
from deploy.backups.proof import between, prove, prove_aside, verify
from deploy.errors import ConfigError, StepFailed
from tests.backups.world import PASSWORD, Said, World

ID = "20261123T011500Z-1a2b"
SMALL = "CREATE TABLE plain (id int); INSERT INTO plain SELECT generate_series(1, 100)"


def made(world: World, id: str = ID) -> None:
    create(world.backups, id, release="abc", deployment=ID, progress=Said())


def tool(folder: Path, name: str, text: str) -> tuple[str, ...]:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    return (str(folder),)


def test_sums_are_read_with_their_sizes() -> None:
    sum = "0" * 64
    out = f"{sum}  ./toc.dat\n{sum} *./a b.dat\n  12 ./toc.dat\n 3 ./a b.dat\n 15 total\n"
    assert {name: (file.sha256, file.bytes) for name, file in read_sums(out).items()} == {
        "toc.dat": (sum, 12),
        "a b.dat": (sum, 3),
    }


@pytest.mark.parametrize(
    ("before", "value", "after", "holds"),
    [
        (1, 1, 1, True),
        (1, 2, 3, True),
        (-1, -3, -5, True),
        (1, 4, 3, False),
        (1, None, 1, False),
        (None, None, None, True),
        (None, 1, None, False),
        (None, 1, 2, True),
    ],
)
def test_a_sequence_may_stand_anywhere_on_its_way(
    before: int | None, value: int | None, after: int | None, holds: bool
) -> None:
    assert between(before, value, after) is holds


def test_an_id_is_a_name_and_no_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no backup id"):
        dump.Place(tmp_path, "../../etc")  # type: ignore[arg-type]


@pytest.mark.live
class TestCreate:
    def test_rows_written_meanwhile_are_neither_dumped_nor_counted(
        self, make: Callable[..., World], tmp_path: Path
    ) -> None:
        slow = tool(
            tmp_path / "slow", "pg_dump", 'PATH=${PATH#*:}; [ "$1" = --version ] || sleep 0.3; exec pg_dump "$@"'
        )
        world = make(content=SMALL + "; CREATE SEQUENCE counted", path=slow)
        over = threading.Event()

        def write() -> None:
            while not over.is_set():
                world.sql("INSERT INTO plain SELECT nextval('counted')")

        writer = threading.Thread(target=write)
        writer.start()
        try:
            made(world)
        finally:
            over.set()
            writer.join()
        receipt = prove(world.backups, ID, "app", scratch=f"{world.name}_scratch", purpose="test", progress=Said())
        assert 100 <= receipt.rows < world.sql("SELECT count(*) FROM plain")[0][0]

    def test_no_room_leaves_nothing_half_written(self, make: Callable[..., World], tmp_path: Path) -> None:
        full = tool(
            tmp_path / "full",
            "pg_dump",
            'for last; do :; done; mkdir -p "${last#--file=}"; echo half >"${last#--file=}/toc.dat"\n'
            "echo 'could not write to file: No space left on device' >&2; exit 1",
        )
        world = make(content=SMALL, path=full)
        with pytest.raises(StepFailed, match="No space left on device"):
            made(world)
        assert list(world.folder.iterdir()) == []

    def test_too_little_room_is_said_before_anything_is_written(
        self, make: Callable[..., World], tmp_path: Path
    ) -> None:
        small = tool(tmp_path / "small", "df", "echo Filesystem; echo tmpfs 100 90 10 90% /")
        world = make(content=SMALL, path=small)
        with pytest.raises(StepFailed, match=r"no room for a backup: .* has 0 MB free, it needs"):
            made(world)
        assert list(world.folder.iterdir()) == []

    def test_what_the_dead_left_goes_and_what_is_complete_stays(self, make: Callable[..., World]) -> None:
        world = make(content=SMALL)
        (world.folder / ".20200101.partial/app/data").mkdir(parents=True)
        (world.folder / "20200101/app").mkdir(parents=True)
        made(world)
        assert {path.name for path in world.folder.iterdir()} == {"20200101", ID}

    def test_two_backups_at_once_are_one_too_many(self, make: Callable[..., World]) -> None:
        world = make(content=SMALL)
        with dump._alone(world.site, "app"), pytest.raises(StepFailed, match="another backup of"):
            made(world)
        made(world)

    def test_a_dump_that_outlived_its_run_is_ended(self, make: Callable[..., World]) -> None:
        world = make(content=SMALL)
        with world.site.connect("app", application_name=dump.DUMPING) as orphan:
            made(world)
            with pytest.raises(psycopg.OperationalError):
                orphan.execute("SELECT 1")

    def test_an_id_is_used_once(self, make: Callable[..., World]) -> None:
        world = make(content=SMALL)
        made(world)
        before = (world.folder / ID / "app/manifest.json").read_bytes()
        with pytest.raises(StepFailed):
            made(world)
        assert (world.folder / ID / "app/manifest.json").read_bytes() == before
        assert [path.name for path in world.folder.iterdir()] == [ID]

    def test_what_may_not_be_read_is_no_backup(self, make: Callable[..., World]) -> None:
        world = make(content=SMALL)
        world.sql("CREATE TABLE hidden (id int)", role="superuser")
        with pytest.raises(StepFailed, match="permission denied for table hidden"):
            made(world)
        assert list(world.folder.iterdir()) == []

    def test_the_password_is_in_no_file(self, make: Callable[..., World]) -> None:
        world = make(content=SMALL)
        made(world)
        prove(world.backups, ID, "app", scratch=f"{world.name}_scratch", purpose="test", progress=Said())
        assert not [
            path for path in world.folder.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()
        ]


@pytest.mark.live
class TestProof:
    def proof(self, world: World) -> None:
        prove(world.backups, ID, "app", scratch=f"{world.name}_scratch", purpose="test", progress=Said())

    def test_without_a_receipt_a_backup_does_not_count(self, make: Callable[..., World]) -> None:
        world = make(content=SMALL)
        made(world)
        assert world.backups.find(ID, "app").problem == "never restored: no receipt"
        self.proof(world)
        assert world.backups.find(ID, "app").verified

    def test_a_receipt_is_for_one_manifest(self, make: Callable[..., World]) -> None:
        world = make(content=SMALL)
        made(world)
        self.proof(world)
        manifest = world.folder / ID / "app/manifest.json"
        manifest.write_text(manifest.read_text().replace('"release": "abc"', '"release": "abd"'))
        assert world.backups.find(ID, "app").problem == "its receipt is for another manifest"
        manifest.write_text("{")
        assert "manifest cannot be read" in world.backups.find(ID, "app").problem

    @pytest.mark.parametrize("damage", ["change", "remove", "add"])
    def test_a_damaged_file_is_found(self, make: Callable[..., World], damage: str) -> None:
        world = make(content=SMALL)
        made(world)
        data = next((world.folder / ID / "app/data").glob("*.dat.gz"))
        if damage == "change":
            data.write_bytes(data.read_bytes()[:-1] + b"\7")
        elif damage == "remove":
            data.unlink()
        else:
            (data.parent / "stranger").write_text("x")
        (problem,) = verify(world.backups, ID, "app")
        assert problem.endswith({"change": "changed", "remove": "missing", "add": "not in the manifest"}[damage])
        with pytest.raises(StepFailed, match="its files are not what was dumped"):
            self.proof(world)
        assert not (world.folder / ID / "app/receipt.json").exists()

    def test_what_was_proven_once_and_is_damaged_now_counts_no_more(self, make: Callable[..., World]) -> None:
        world = make(content=SMALL)
        made(world)
        self.proof(world)
        (world.folder / ID / "app/data/stranger").write_text("x")
        assert world.backups.find(ID, "app").verified
        with pytest.raises(StepFailed, match="not what was dumped: stranger"):
            prove_aside(world.backups, ID, "app", Said())
        assert world.backups.find(ID, "app").problem == "never restored: no receipt"
        assert (world.folder / ID / "app/receipt.json.withdrawn").exists()

    def test_other_content_gets_no_receipt(self, make: Callable[..., World]) -> None:
        world = make(content=SMALL)
        made(world)
        manifest = world.folder / ID / "app/manifest.json"
        manifest.write_text(manifest.read_text().replace('"rows": 100', '"rows": 101'))
        with pytest.raises(StepFailed, match=r"differs from backup .*: public\.plain: 101 rows before, 100 after"):
            self.proof(world)
        assert not (world.folder / ID / "app/receipt.json").exists()

    def test_somebody_elses_database_is_never_dropped(self, make: Callable[..., World]) -> None:
        world = make(content=SMALL)
        made(world)
        world.sql(f"CREATE DATABASE {world.name}_scratch OWNER {world.name}_app", "postgres", "admin")
        world.sql("CREATE TABLE precious (id int)", f"{world.name}_scratch")
        with pytest.raises(StepFailed, match="is not ours"):
            self.proof(world)
        assert world.sql("SELECT count(*) FROM precious", f"{world.name}_scratch") == [(0,)]

    def test_a_scratch_that_nobody_marked_yet_is_replaced(self, make: Callable[..., World]) -> None:
        world = make(content=SMALL)
        made(world)
        world.sql(f"CREATE DATABASE {world.name}_scratch OWNER {world.name}_app", "postgres", "admin")
        self.proof(world)
        assert world.sql("SELECT count(*) FROM plain", f"{world.name}_scratch") == [(100,)]

    def test_a_fresh_receipt_leaves_no_database_behind(self, make: Callable[..., World]) -> None:
        world = make(content=SMALL)
        made(world)
        prove(world.backups, ID, "app", scratch=f"{world.name}_scratch_dead", purpose="backup x", progress=Said())
        first = world.backups.find(ID, "app").receipt
        again = prove_aside(world.backups, ID, "app", Said())
        assert again == world.backups.find(ID, "app").receipt != first
        assert world.databases() == {world.name}

    def test_an_unknown_backup_names_those_there_are(self, make: Callable[..., World]) -> None:
        world = make(content=SMALL)
        made(world)
        with pytest.raises(ConfigError, match=f"The newest are: {ID}"):
            world.backups.find("20200101", "app")
