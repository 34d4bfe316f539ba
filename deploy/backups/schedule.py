"""Backups that make themselves: one marked line in the crontab, or a systemd timer to install by hand."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from textwrap import dedent

from deploy.backups.store import HOST
from deploy.command import Script
from deploy.errors import ConfigError
from deploy.site import Site

FIELDS = re.compile(r"[0-9*/,-]+( +[0-9A-Za-z*/,-]+){4}")
DAILY = re.compile(r"([0-9]{1,2}) +([0-9]{1,2})( +\*){3}")


@dataclass(frozen=True)
class Schedule:
    """A backup made regularly: of which system and environment, from which checkout, when (as cron writes it)."""

    system: str
    environment: str
    project: str
    at: str = "30 2 * * *"

    def __post_init__(self) -> None:
        if not FIELDS.fullmatch(self.at):
            raise ConfigError(f"{self.at!r} is no cron time", where="--at", fix="Write five fields: 30 2 * * *")

    @property
    def command(self) -> str:
        words = ["scripts/invoke", "backup.create", f"--system={self.system}", f"--env={self.environment}"]
        return f"cd {shlex.quote(self.project)} && {shlex.join(words)}"

    @property
    def mark(self) -> str:
        return f"# pipeline-deploy: backup.create {self.system} {self.environment}"

    def crontab_line(self) -> str:
        command = self.command.replace("%", r"\%")  # cron reads % as the end of a line
        return f"{self.at} {command} {self.mark}"

    def timer(self) -> dict[str, str]:
        """A systemd service and its timer, by file name. Raises ConfigError for times that are not daily."""
        daily = DAILY.fullmatch(self.at)
        if not daily:
            raise ConfigError(
                f"{self.at!r} is not daily", where="--at", fix="A timer is written for `30 2 * * *` alike."
            )
        name = f"backup-{self.system}-{self.environment}".replace("_", "-")
        title = f"Backup of {self.system} ({self.environment})"
        shell = self.command.replace("%", "%%")  # systemd reads % as the start of a specifier
        service = f"""\
            [Unit]
            Description={title}

            [Service]
            Type=oneshot
            ExecStart=/bin/sh -c {_unit_quoted(shell)}
            """
        timer = f"""\
            [Unit]
            Description={title}, daily

            [Timer]
            OnCalendar=*-*-* {daily[2]:0>2}:{daily[1]:0>2}:00
            Persistent=true

            [Install]
            WantedBy=timers.target
            """
        return {f"{name}.service": dedent(service), f"{name}.timer": dedent(timer)}


def _unit_quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$") + '"'


def install(site: Site, schedule: Schedule) -> None:
    """Put the line into the crontab of the user on the control host, in place of the one that is there."""
    site.execute(crontab_script(schedule, schedule.crontab_line()))


def remove(site: Site, schedule: Schedule) -> None:
    """Take the line out of the crontab."""
    site.execute(crontab_script(schedule, ""))


def crontab_script(schedule: Schedule, line: str) -> Script:
    """Everything but our own line stays; a crontab that cannot be read is never overwritten."""
    text = f"""
        work=$(mktemp -d)
        trap 'rm -rf "$work"' EXIT
        if ! crontab -l >"$work/old" 2>"$work/why"; then
          grep -qi 'no crontab' "$work/why" || {{ cat "$work/why" >&2; exit 1; }}
        fi
        awk -v mark={shlex.quote(schedule.mark)} '
          substr($0, length($0) - length(mark) + 1) != mark' "$work/old" >"$work/new"
        line={shlex.quote(line)}
        if [ -n "$line" ]; then printf '%s\\n' "$line" >>"$work/new"; fi
        crontab "$work/new"
        """
    return Script(dedent(text).strip(), on=HOST, note="the crontab, with our one line")
