"""`invoke hosts.*`: whether the hosts can be reached, and the keys that they are known by."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context

from deploy.tasks.base import command, confirmed, emit, opened, say


@command(name="show", default=True, format="text or json")
def show(
    context: Context,
    system: str | None = None,
    env: str | None = None,
    format: str = "text",
    output: str | None = None,
) -> None:
    """Each host of the environment: reachable or why not, round trip, system, Python, how far its clock is off."""
    from deploy import hosts

    session = opened(system, env)
    text, closed = hosts.show(session.environment, session.site.reach, format)
    emit(text, output)
    if closed:
        raise closed


@command(
    hosts="these hosts, with commas (default: all)", accept="add keys with these fingerprints (SHA256:…), with commas"
)
def trust(
    context: Context,
    system: str | None = None,
    env: str | None = None,
    hosts: str | None = None,
    accept: str | None = None,
) -> None:
    """Show the keys of hosts, and add them to known_hosts once you have compared their fingerprints."""
    from deploy import hosts as known

    environment = opened(system, env).environment
    given = [one.strip() for one in (accept or "").split(",") if one.strip()]

    def confirm() -> None:
        confirmed("Did you compare these fingerprints with the hosts' own, and are they the same?", "--accept")

    known.trust(environment.ssh, known.chosen(environment, hosts), given, confirm, say)


def collection() -> Collection:
    return Collection("hosts", show, trust)
