"""`invoke monitor.*`: the alert thresholds, again and again, and people told when one is crossed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit

from deploy.errors import ConfigError, GateClosed
from deploy.tasks.base import command, emit, is_dry, opened, say
from deploy.tasks.running import as_asked, check_phase

if TYPE_CHECKING:
    from deploy.monitor.install import Timer
    from deploy.session import Session

CLOSED = 6
EVERY = "how often: 30s, 5m, 1h (default: as the environment says)"
ALERT = "tell people of what changed, and remember it"
WAY = "systemd, cron, or auto: cron where no systemd runs"
ON = "on the first host of this role, or app[1], instead of on this machine"
PROJECT_THERE = "with --on: the folder of this toolkit there (default: as here)"
METRICS = "export metrics into this *.prom file instead of alerting"


@command(default=True, alert=ALERT, every="with --alert: how often it is started, to know when it is late")
def now(
    context: Context,
    system: str | None = None,
    env: str | None = None,
    hosts: str | None = None,
    limit: str | None = None,
    alert: bool = False,
    every: str | None = None,
    format: str = "text",
    output: str | None = None,
) -> None:
    """Evaluate the alert thresholds once, against what is deployed."""
    if not alert:
        check_phase("monitor", system, env, hosts=hosts, limit=limit, format=format, output=output)
        return
    if hosts or limit:
        raise ConfigError("alerts are about all hosts", where="--alert", fix="Leave --hosts and --limit out.")
    alerted(opened(system, env, start=True), every, format, output)


def alerted(session: Session, every: str | None, format: str, output: str | None) -> None:
    """One round that tells people. A closed gate ends with 6 and no word more: cron would mail it every time."""
    from deploy.monitor import operate
    from deploy.reports import printed

    printed.known(format)
    began = operate.now_utc()
    results, gate, told = operate.watch_of(session, alert=True, every=every).round(began)
    took = round((operate.now_utc() - began).total_seconds(), 3)
    emit(as_asked(session, [("monitor", results, took)], format), output)
    if told:
        operate.require_told(told, session)
    if gate.closing(results):
        raise Exit(code=CLOSED)


@command(every="how long from round to round: 30s, 5m", rounds="so many, then end (0: until interrupted)", alert=ALERT)
def watch(
    context: Context,
    every: str = "30s",
    rounds: int = 0,
    alert: bool = False,
    system: str | None = None,
    env: str | None = None,
) -> None:
    """Evaluate the alert thresholds again and again; a table at a terminal, lines in a pipe."""
    import time

    from deploy import duration
    from deploy.monitor import operate
    from deploy.monitor.table import Board
    from deploy.reports.screen import console

    span, session = duration.parse(every), opened(system, env, start=True)
    watching = operate.watch_of(session, alert=alert, every=every)
    with Board(console(aside=False), str(operate.place_of(session))) as board:
        gate, results = operate.keep_watching(watching, span, rounds, board.show, time.sleep)
    if gate.closing(results):
        raise Exit(code=CLOSED)


@command(every=EVERY, way=WAY, output=METRICS, on=ON, project=PROJECT_THERE)
def install(
    context: Context,
    every: str | None = None,
    way: str = "auto",
    output: str | None = None,
    on: str | None = None,
    project: str | None = None,
    system: str | None = None,
    env: str | None = None,
) -> None:
    """Have the monitor run by itself, here or on a host; running it again changes nothing."""
    from deploy.monitor import operate
    from deploy.monitor.loop import require_routes

    session = opened(system, env)
    if not output:
        require_routes(operate.alerts_of(session, every), operate.place_of(session))
    timed(context, "install", session, timer_of(session, every, way, output, on, project))


@command(way=WAY, output="take away what exports metrics instead", on=ON, project=PROJECT_THERE)
def uninstall(
    context: Context,
    way: str = "auto",
    output: str | None = None,
    on: str | None = None,
    project: str | None = None,
    system: str | None = None,
    env: str | None = None,
) -> None:
    """Take the monitor's timer, or its line in the crontab, away."""
    session = opened(system, env)
    timed(context, "uninstall", session, timer_of(session, None, way, output, on, project))


def timer_of(
    session: Session,
    every: str | None = None,
    way: str = "auto",
    output: str | None = None,
    on: str | None = None,
    project: str | None = None,
) -> Timer:
    from pathlib import Path

    from deploy.folders import PROJECT
    from deploy.monitor import install as installing
    from deploy.monitor import operate
    from deploy.reach import OPERATOR

    where = on or OPERATOR
    if project and not on:
        raise ConfigError("here it is this checkout that runs", where="--project", fix="Give --on as well.")
    path = str(Path(output).absolute()) if output else None
    span, given = operate.alerts_of(session, every).every, installing.settings(where)
    return installing.Timer(operate.place_of(session), project or str(PROJECT), span, path, way, on=where, env=given)


def timed(context: Context, what: str, session: Session, timer: Timer) -> None:
    from deploy.command import paste
    from deploy.monitor import install as installing

    script = getattr(installing, what)(timer)
    say(paste([script]) if is_dry(context) else installing.carry_out(session.site, timer, script))


@command(on="ask the monitor on the first host of this role", project=PROJECT_THERE)
def status(
    context: Context,
    system: str | None = None,
    env: str | None = None,
    format: str = "text",
    on: str | None = None,
    project: str | None = None,
) -> None:
    """Tell when the monitor last ran and what it said; ends with 6 when it is late."""
    from deploy.monitor import install as installing
    from deploy.monitor import operate

    session = opened(system, env)
    if on:
        said, late = installing.standing(session.site, timer_of(session, on=on, project=project), format)
        say(said)
        if late:
            raise GateClosed(late)
        return
    found = operate.standing(session, operate.now_utc())
    say(operate.show_standing(found, format))
    operate.require_in_time(found)


@command(name="test-alert")
def test_alert(context: Context, system: str | None = None, env: str | None = None) -> None:
    """Send a test through each route of the environment; ends with 6 when one did not take it."""
    from deploy.monitor import operate, routes

    lines, fine = operate.try_routes(opened(system, env), routes.send)
    say("\n".join(lines))
    if not fine:
        raise GateClosed("Not every route works.")


@command(output="the *.prom file in the folder of node_exporter's textfile collector")
def export(context: Context, output: str, system: str | None = None, env: str | None = None) -> None:
    """Evaluate once and write metrics for Prometheus; ends with 0 whatever they say."""
    from pathlib import Path

    from deploy.monitor import metrics, operate

    session = opened(system, env, start=True)
    began = operate.now_utc()
    results, _, _ = operate.watch_of(session, alert=False).round(began)
    metrics.export(results, operate.place_of(session), began, Path(output))
    say(f"{len(results)} results: {output}")


@command(every=EVERY)
def rules(
    context: Context,
    every: str | None = None,
    system: str | None = None,
    env: str | None = None,
    output: str | None = None,
) -> None:
    """Print alerting rules for Prometheus: the same items, thresholds, spans and actions."""
    from deploy.monitor import operate
    from deploy.monitor.rules import Rules

    session = opened(system, env)
    items = session.gate().items("monitor")
    emit(Rules(operate.place_of(session), operate.alerts_of(session, every)).text(items), output)


def collection() -> Collection:
    return Collection("monitor", now, watch, install, uninstall, status, test_alert, export, rules)
