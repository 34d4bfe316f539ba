"""A small production with a release folder of migrations, and ways to make both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from deploy.backups.scratch import create_scratch
from deploy.deployment import Deployment
from deploy.migrations.apply import Target
from deploy.steps.migrate import target_of
from deploy.system import Migrations
from tests.backups.world import World

FIXTURES = Path(__file__).parent / "fixtures"
FIRST, SECOND = "20260101000000_first", "20260102000000_note"
LOCK = 'provider = "postgresql"\n'


def folder(world: World) -> Path:
    deployment = world.deployment
    return Path(str(deployment.layout.release(deployment.release))) / "migrations"


def add(world: World, name: str, sql: str, down: str | None = None) -> None:
    """Put a migration into the release."""
    place = folder(world) / name
    place.mkdir(parents=True, exist_ok=True)
    (folder(world) / "migration_lock.toml").write_text(LOCK)
    (place / "migration.sql").write_text(sql)
    if down is not None:
        (place / "down.sql").write_text(down)


def remove(world: World, name: str) -> None:
    for file in (folder(world) / name).iterdir():
        file.unlink()
    (folder(world) / name).rmdir()


def first(world: World) -> None:
    add(world, FIRST, (FIXTURES / "first.sql").read_text())


def target(world: World, run: str = "", **settings: Any) -> Target:
    """The production as something to migrate; `settings` of `migrations:` may be other ones."""
    made = target_of(world.deployment, run=run)
    return replace(made, settings=Migrations(folder="migrations", **{"lock_timeout": 0.2, "retries": 0, **settings}))


def apply(world: World, run: str = "", **settings: Any) -> list[str]:
    return [one.name for one in target(world, run, **settings).apply(lambda done, total, name: None)]


def history(world: World) -> list[tuple[Any, ...]]:
    """Name, applied, rolled back, statements done."""
    return world.sql(
        "select migration_name, finished_at is not null, rolled_back_at is not null, applied_steps_count"
        " from _prisma_migrations order by started_at"
    )


def scratch(deployment: Deployment, world: World) -> str:
    """The scratch database that a backup would have left, with production's content of `item`."""
    name = deployment.scratch("app")
    create_scratch(deployment.site, "app", name, f"deployment {deployment.id}")
    return name
