"""`invoke checklist.*`: what will be checked, and whether a checklist file is sound."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context

from deploy.tasks.base import command, emit, one_of


@command(default=True)
def show(context: Context, system: str | None = None, format: str = "text", output: str | None = None) -> None:
    """The items by phase, with the probes they are bound to."""
    from deploy.checklists import catalogue, checklist
    from deploy.reports import catalogue as printed
    from deploy.session import open_system

    rows = catalogue.describe_items(checklist.load(open_system(system).folder / "checklist.md"))
    emit(one_of(format, text=printed.items_text, json=printed.as_json)(rows), output)


@command(path="the checklist to check")
def validate(context: Context, path: str) -> None:
    """Check a checklist file without running anything; every mistake is named with its line."""
    from pathlib import Path

    from deploy.checklists import checklist

    loaded = checklist.load(Path(path))
    probes = sum(item.probe is not None for item in loaded.items)
    emit(f"{path}: sound. {len(loaded.items)} items, {probes} with a probe, {len(loaded.items) - probes} to sign.")


def collection() -> Collection:
    return Collection("checklist", show, validate)
