"""A made up past for the practice engine: its deployment moved back in time, and what its jobs did since then."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from deploy.errors import ConfigError
from deploy.journal import Journal
from deploy.owed import BACKDATED, backdated, seconds, started_at
from deploy.sandbox.extraction_engine import simulate
from deploy.session import Session
from deploy.windows import owing

ENGINE = "extraction_engine"
MOST = 24 * 365


def pretend(session: Session, hours: int, profile: str) -> str:
    """Have the deployment be `hours` ago, and the engine have worked since as the profile says; says what was done.

    Raises ConfigError outside of a sandbox: nobody makes up the past of a real system.
    """
    refuse_elsewhere(session)
    chosen = simulate.profile_of(profile)
    if not 1 <= hours <= MOST:
        raise ConfigError(f"{hours} hours", where="--hours", fix=f"Give 1 to {MOST}.")
    journal = owing(session)
    if journal is None:
        raise ConfigError("no deployment to move into the past", where="sandbox", fix="Deploy: invoke deploy.local")
    with session.holding(session.lock(journal.id)):
        return _pretend(session, session.archive.open(journal), hours, chosen)


def _pretend(session: Session, journal: Journal, hours: int, profile: simulate.Profile) -> str:
    span = timedelta(hours=hours)
    shift = span - backdated(journal)
    url = session.environment.databases["app"].url.reveal()
    made = simulate.fill(url, hours, shift, profile)
    log = Path(session.layout.shared) / "logs" / "extraction.log"
    simulate.write_log(log, hours, shift, profile, started_at(journal))
    for counted in (Path(session.layout.control) / "logs").glob("*"):
        counted.unlink()  # what reviews of logs remember of another past
    journal.append(BACKDATED, seconds=seconds(span))
    return f"Deployment {journal.id} was {hours} hours ago, as far as this sandbox knows; {made} records were made up."


def refuse_elsewhere(session: Session) -> None:
    if not session.environment.sandbox or session.system.name != ENGINE:
        place = f"{session.system.name} in {session.environment.name}"
        fix = "Only a sandbox has a past that is made up."
        raise ConfigError(f"{place} is no sandbox of the engine", where="--env", fix=fix)
