"""The Invoke collections: parse arguments, call the package, choose the exit code; no logic.

Nothing heavy is imported when the tree is made: `invoke --list` costs little more than Invoke itself.
"""

from __future__ import annotations

from invoke.collection import Collection

from deploy.tasks import (
    backup,
    checklist,
    deploying,
    hosts,
    incident,
    monitoring,
    phases,
    probes,
    report,
    rollback,
    runbook,
    sandbox,
    signoff,
    trial,
    validate,
)


def tree() -> Collection:
    """All tasks: the phases, `deploy` with a task for each environment, and what people need around them."""
    root = Collection()
    root.configure({"tasks": {"dedupe": False}})
    for part in (deploying, validate, monitoring, backup, trial, rollback, report, incident, hosts, checklist, sandbox):
        root.add_collection(part.collection())
    for task in (*phases.TASKS, *probes.TASKS, *signoff.TASKS, *runbook.TASKS):
        root.add_task(task)
    return root
