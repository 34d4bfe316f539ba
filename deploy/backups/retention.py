"""Which backups are kept: by day, week and month, and whatever a rollback could need."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from deploy.backups.store import HOST, BackupInfo, Backups
from deploy.command import Script
from deploy.system import Backup


@dataclass(frozen=True)
class Pruning:
    """What stays, with the reasons, and what goes, with why it may: by backup id, the newest first."""

    kept: dict[str, str]
    removed: dict[str, str]


@dataclass(frozen=True)
class _Set:
    """The databases of one backup; it is verified when all of them are."""

    id: str
    infos: tuple[BackupInfo, ...]

    @property
    def verified(self) -> bool:
        return all(info.verified for info in self.infos)

    @property
    def started(self) -> datetime:
        return min(info.manifest.started_at for info in self.infos if info.manifest)

    @property
    def readable(self) -> bool:
        return all(info.manifest for info in self.infos)


def choose(infos: Sequence[BackupInfo], policy: Backup, needed: Collection[str]) -> Pruning:
    """What `policy` keeps of these backups. Only verified ones fill its places; while there is none, all stay.

    An unverified backup goes once a newer one is verified. One whose manifest cannot be read is for a person to judge.
    """
    sets = _sets(infos)
    verified = [one for one in sets if one.verified]
    if not verified:
        return Pruning({one.id: "no backup is verified" for one in sets}, {})
    kept: dict[str, list[str]] = {one.id: [] for one in sets}
    kept[verified[0].id].append("newest verified")
    for id in kept.keys() & set(needed):
        kept[id].append("needed by a release")
    for name, count, key in _periods(policy):
        for one in _newest_of(verified, key)[:count]:
            kept[one.id].append(name)
    for one in sets:
        if not one.readable:
            kept[one.id].append("unreadable: look at it")
        elif not one.verified and one.started > verified[0].started:
            kept[one.id].append("not yet verified")
    removed = {one.id: _why(one) for one in sets if not kept[one.id]}
    return Pruning({id: ", ".join(reasons) for id, reasons in kept.items() if reasons}, removed)


def _why(one: _Set) -> str:
    return "superseded" if one.verified else "never verified, and a newer one is"


def _sets(infos: Sequence[BackupInfo]) -> list[_Set]:
    ordered = sorted(infos, key=lambda info: (info.id, info.database), reverse=True)
    sets = [_Set(id, tuple(members)) for id, members in groupby(ordered, key=lambda info: info.id)]
    return [one for one in sets if not one.readable] + sorted(
        (one for one in sets if one.readable), key=lambda one: one.started, reverse=True
    )


def _periods(policy: Backup) -> list[tuple[str, int, Callable[[_Set], object]]]:
    return [
        ("daily", policy.daily, lambda one: one.started.date()),
        ("weekly", policy.weekly, lambda one: one.started.isocalendar()[:2]),
        ("monthly", policy.monthly, lambda one: (one.started.year, one.started.month)),
    ]


def _newest_of(sets: Sequence[_Set], key: Callable[[_Set], object]) -> list[_Set]:
    """The newest of each period, given newest first."""
    return [next(members) for _, members in groupby(sets, key=key)]


def prune(backups: Backups, needed: Collection[str], *, dry: bool = False) -> Pruning:
    """Remove what the policy does not keep and no id in `needed` names; with `dry`, only say what would go.

    Each folder is renamed first, so that a backup is there or not, and never in part.
    """
    chosen = choose(backups.catalogue(), backups.system.backup, needed)
    if not dry:
        backups.site.execute(removal(backups, list(chosen.removed)))
    return chosen


def removal(backups: Backups, ids: Sequence[str]) -> Script:
    """The removal as shell; what an interrupted one left is removed as well."""
    folder = backups.layout.backups
    pairs = [(backups.place(id).folder, f"{folder}/.trash-{id}") for id in ids]
    renames = [f"mv {shlex.quote(path)} {shlex.quote(trash)}" for path, trash in pairs]
    sweep = f"find {shlex.quote(str(folder))} -maxdepth 1 -name '.trash-*' -exec rm -rf {{}} +"
    return Script("\n".join([*renames, sweep]), on=HOST, note="backups that no rule keeps are removed")
