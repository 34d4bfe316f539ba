"""`invoke sandbox.*`: the embedded services and the practice systems of this checkout."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context

from deploy.tasks.base import command, confirmed, emit, opened, say


@command()
def start(context: Context) -> None:
    """Start PostgreSQL, the cache and the practice servers; make what is missing. Quick when all runs already."""
    from deploy.folders import PROJECT
    from deploy.sandbox import sandbox

    sandbox.start(PROJECT, say)
    status.body(context)


@command(default=True)
def status(context: Context) -> None:
    """Which services of the sandbox run, and on which ports."""
    from deploy.folders import PROJECT
    from deploy.sandbox import sandbox

    for service in sandbox.status(PROJECT):
        state = f"runs  pid {service.pid}" if service.pid else "stopped"
        emit(f"{service.name:<18}{state:<18}" + (f"port {service.port}" if service.port else ""))


@command()
def stop(context: Context) -> None:
    """Stop the sandbox's services, and the practice stack; the data stays."""
    from deploy.folders import PROJECT
    from deploy.sandbox import sandbox

    sandbox.stop(PROJECT, say)
    if _has_stack():
        from deploy.sandbox.tiki_pipeline import stack as practice

        practice.stop(PROJECT)


@command()
def reset(context: Context, force: bool = False) -> None:
    """Stop the sandbox and remove everything below .local/: data, releases, journals."""
    from deploy.folders import PROJECT
    from deploy.sandbox import sandbox

    if not force:
        confirmed("Remove the sandbox's data, releases and journals?", "--force")
    if _has_stack():
        from deploy.sandbox.tiki_pipeline import stack as practice

        practice.down(PROJECT)
    sandbox.reset(PROJECT)
    emit("The sandbox is gone; `scripts/invoke sandbox.start` makes a new one.")


@command()
def images(context: Context) -> None:
    """What the practice Tiki pipeline needs of this machine: Docker Engine, Compose v2, Airflow, stand-in images."""
    from deploy.sandbox.tiki_pipeline import airflow_venv, compose_plugin, engine, packages
    from deploy.sandbox.tiki_pipeline import images as stand_ins

    packages.ensure(say)
    emit(f"{'Docker Engine':<18}{engine.ensure(say)}")
    emit(f"{'Compose':<18}{' '.join(compose_plugin.ensure(say))}")
    airflow = airflow_venv.ensure(say)
    emit(f"{'Airflow':<18}{airflow}")
    for kind, name in stand_ins.ensure(stand_ins.Programs.found(airflow)).items():
        emit(f"{'image ' + kind:<18}{name}")


@command()
def stack(context: Context) -> None:
    """Prepare the practice Tiki pipeline's environment `compose`: images, repository, settings, shop."""
    from deploy.folders import PROJECT
    from deploy.sandbox.tiki_pipeline import stack as practice

    prepared = practice.prepare(PROJECT, say)
    emit(f"{'Compose project':<18}{prepared.name}")
    for name, port in prepared.ports.items():
        emit(f"{name:<18}port {port}")


@command(hours="how many hours ago the deployment was", profile="healthy, failing, slow, silent or costly")
def simulate(
    context: Context, hours: int = 170, profile: str = "healthy", system: str | None = None, env: str | None = None
) -> None:
    """Make up hours of data and logs since the practice engine's deployment, and move that into the past."""
    from deploy import simulation

    emit(simulation.pretend(opened(system or "extraction_engine", env or "local", start=True), hours, profile))


def _has_stack() -> bool:
    from deploy.folders import PROJECT

    return (PROJECT / ".local" / "tiki_pipeline.env").exists()


def collection() -> Collection:
    return Collection("sandbox", start, status, stop, reset, images, stack, simulate)
