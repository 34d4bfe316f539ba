"""A monitor that runs by itself, here or on a host: a systemd timer, or where no systemd runs, a crontab line.

On a host it is a checkout of this toolkit there that runs, with its own `.env`: secrets are not sent about.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from textwrap import dedent

from deploy import duration
from deploy.command import Script
from deploy.errors import ConfigError
from deploy.monitor.messages import Place
from deploy.reach import OPERATOR
from deploy.site import Site

PASSED_ON = ("DEPLOY_SYSTEMS", "DEPLOY_STATE")  # settings that name folders; secrets stay in .env
PASSED_FAR = ("DEPLOY_SYSTEMS",)  # to a host, where they must lie in the same folder; its state is its own
FINE, MISTAKEN, LATE = 0, 2, 6  # how our own command line ends, as far as it matters here
NOT_THERE = 44  # our own exit: no checkout there knows the environment
FAR = 600  # seconds; a checkout that is new makes its virtual environment first
WAYS = ("auto", "systemd", "cron")
UNITS = 'if [ "$(id -u)" = 0 ]; then units=/etc/systemd/system; else units=$HOME/.config/systemd/user; fi'


@dataclass(frozen=True)
class Timer:
    """What runs, from which checkout, how often. `units` is the folder of systemd's files, when not the usual one.

    It alerts; with `output` it writes metrics into that file instead, for a team that has Prometheus. `on` is the role
    on whose first host it runs; by default it is this machine.
    """

    place: Place
    project: str
    every: timedelta
    output: str | None = None
    way: str = "auto"
    units: str = ""
    on: str = OPERATOR
    env: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.way not in WAYS:
            raise ConfigError(f"no way {self.way!r}", where="--way", fix=" or ".join(WAYS))

    @property
    def name(self) -> str:
        kind = "metrics" if self.output else "monitor"
        return f"{kind}-{self.place.system}-{self.place.environment}".replace("_", "-")

    @property
    def command(self) -> str:
        if self.output:
            return self.calling("monitor.export", f"--output={self.output}")
        return self.calling("monitor", "--alert", f"--every={duration.text(self.every)}")

    def calling(self, *words: str) -> str:
        """A line of shell that runs a task of the checkout, for this place."""
        where = [f"--system={self.place.system}", f"--env={self.place.environment}"]
        settings = "".join(f"{key}={shlex.quote(value)} " for key, value in sorted(self.env.items()))
        return f"cd {shlex.quote(self.project)} && {settings}{shlex.join(['scripts/invoke', *words, *where])}"

    @property
    def mark(self) -> str:
        return f"# pipeline-deploy: {self.name}"

    def crontab_line(self) -> str:
        """What cron runs; it mails only what goes wrong. Raises ConfigError for a span that cron cannot say."""
        minutes, rest = divmod(self.every.total_seconds(), 60)
        command = self.command.replace("%", r"\%")  # cron reads % as the end of a line
        return f"{_cron_time(int(minutes), rest)} {command} >/dev/null {self.mark}"

    def unit_files(self) -> dict[str, str]:
        """A systemd service and its timer, by file name."""
        title = f"{'Metrics' if self.output else 'Monitor'} of {self.place}"
        shell = self.command.replace("%", "%%")  # systemd reads % as the start of a specifier
        quoted = shell.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
        service = f"""\
            [Unit]
            Description={title}

            [Service]
            Type=oneshot
            ExecStart=/bin/sh -c "{quoted}"
            # 6: something does not hold, and people were told
            SuccessExitStatus=6
            TimeoutStartSec=15min
            """
        timer = f"""\
            [Unit]
            Description={title}, every {duration.text(self.every)}

            [Timer]
            OnActiveSec=0
            OnUnitActiveSec={int(self.every.total_seconds())}s
            AccuracySec=1s

            [Install]
            WantedBy=timers.target
            """
        return {f"{self.name}.service": dedent(service), f"{self.name}.timer": dedent(timer)}


def settings(on: str = OPERATOR) -> dict[str, str]:
    """What of this process's settings a timer needs as well."""
    names = PASSED_ON if on == OPERATOR else PASSED_FAR
    return {key: os.environ[key] for key in names if os.environ.get(key)}


def _cron_time(minutes: int, rest: float) -> str:
    if not rest and minutes and minutes < 60 and 60 % minutes == 0:
        return f"*/{minutes} * * * *"
    if not rest and minutes and minutes % 60 == 0 and 1440 % minutes == 0:
        return f"0 */{minutes // 60} * * *" if minutes < 1440 else "0 0 * * *"
    fix = "Choose minutes that divide an hour, or hours that divide a day: 5m, 15m, 1h; or give --way=systemd."
    raise ConfigError("cron cannot run at this interval", where="--every", fix=fix)


def install(timer: Timer) -> Script:
    """Make it run by itself. Says `unchanged` where it does already; what is there of ours is replaced."""
    return _script(timer, _systemd(timer, timer.unit_files()), timer.crontab_line, _known(timer))


def uninstall(timer: Timer) -> Script:
    """Take it away; says `unchanged` where there is none. Nothing else is touched."""
    return _script(timer, _systemd(timer, {}), lambda: "")


def carry_out(site: Site, timer: Timer, script: Script) -> str:
    """Run a script of these; what it says. ConfigError where the host has no checkout that knows the environment."""
    done = site.execute(script)
    if done.exit != NOT_THERE:
        return done.out
    why = "".join(f"\n  | {line}" for line in done.out.strip().splitlines()[-5:])
    what = f"the checkout {timer.project} on {site.first(timer.on)} cannot do it:{why}"
    raise ConfigError(what, where="--project", fix="Have one there, with its own .env, or say where it is.")


def standing(site: Site, timer: Timer, format: str) -> tuple[str, str]:
    """What the monitor on a host says of itself, and that it is late; that is empty when it is in time."""
    exits = frozenset({FINE, MISTAKEN, LATE})
    script = Script(timer.calling("monitor.status", f"--format={format}"), on=timer.on, timeout=FAR, exits=exits)
    done = site.execute(script)
    if done.exit == MISTAKEN:
        fix = "Correct it there, or say where the checkout is."
        raise ConfigError(f"on {site.first(timer.on)}: {done.err.strip()}", where="--project", fix=fix)
    return done.out, done.err.strip() if done.exit == LATE else ""


def _known(timer: Timer) -> str:
    """On a host, the checkout is asked first: whether it knows the environment, and whom to tell."""
    if timer.on == OPERATOR:
        return ""
    words = [f"--every={duration.text(timer.every)}", *([f"--output={timer.output}"] if timer.output else [])]
    asking = timer.calling("--dry", "monitor.install", *words)
    return f"said=$({asking} 2>&1) || {{ printf '%s\\n' \"$said\"; exit {NOT_THERE}; }}\n"


def _script(timer: Timer, systemd: str, line: Callable[[], str], first: str = "") -> Script:
    if timer.way == "systemd":
        return _made(timer, first + systemd)
    cron = _cron(timer, line())
    if timer.way == "cron":
        return _made(timer, first + cron)
    either = f"if [ -d /run/systemd/system ]; then\n{_indented(systemd)}\nelse\n{_indented(cron)}\nfi"
    return _made(timer, first + either)


def _made(timer: Timer, text: str) -> Script:
    note, far = "the monitor's timer, or its line in the crontab", timer.on != OPERATOR
    exits = frozenset({FINE, NOT_THERE} if far else {FINE})
    return Script(text, on=timer.on, timeout=FAR if far else 60, exits=exits, note=note)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _cron(timer: Timer, line: str) -> str:
    """Everything but our own line stays; a crontab that cannot be read is never overwritten."""
    text = f"""
        work=$(mktemp -d)
        trap 'rm -rf "$work"' EXIT
        if ! crontab -l >"$work/old" 2>"$work/why"; then
          grep -qi 'no crontab' "$work/why" || {{ cat "$work/why" >&2; exit 1; }}
        fi
        line={shlex.quote(line)}
        awk -v mark={shlex.quote(timer.mark)} '
          substr($0, length($0) - length(mark) + 1) != mark' "$work/old" >"$work/new"
        if [ -n "$line" ] && grep -qxF -- "$line" "$work/old"; then echo unchanged; exit 0; fi
        if [ -n "$line" ]; then printf '%s\\n' "$line" >>"$work/new"; fi
        if cmp -s "$work/old" "$work/new"; then echo unchanged; exit 0; fi
        crontab "$work/new"
        echo "crontab: ${{line:-our line is gone}}"
        """
    return dedent(text).strip()


def _systemd(timer: Timer, files: Mapping[str, str]) -> str:
    units = f"units={shlex.quote(timer.units)}" if timer.units else UNITS
    ctl = 'ctl() { if [ "$(id -u)" = 0 ]; then systemctl "$@"; else systemctl --user "$@"; fi; }'
    return "\n".join([units, ctl, "changed=", *(_install_units(timer, files) if files else _remove_units(timer))])


def _install_units(timer: Timer, files: Mapping[str, str]) -> list[str]:
    """User timers end with the last login unless the user lingers; systemd is asked for that."""
    lines = ['mkdir -p "$units"']
    for name, content in files.items():
        text, path = shlex.quote(content.rstrip("\n")), f'"$units"/{name}'
        lines += [f'[ "$(cat {path} 2>/dev/null)" = {text} ] || {{ printf "%s\\n" {text} >{path}; changed=1; }}']
    return [
        *lines,
        f'if [ -z "$changed" ] && ctl -q is-active {timer.name}.timer; then echo unchanged; exit 0; fi',
        'if [ "$(id -u)" != 0 ]; then loginctl enable-linger || echo "it ends with your last login" >&2; fi',
        "ctl daemon-reload",
        f"ctl enable {timer.name}.timer",
        f"ctl restart {timer.name}.timer",
        f'echo "systemd: $units/{timer.name}.timer"',
    ]


def _remove_units(timer: Timer) -> list[str]:
    path = f'"$units"/{timer.name}'
    return [
        f"if [ ! -e {path}.timer ] && [ ! -e {path}.service ]; then echo unchanged; exit 0; fi",
        f"ctl disable --now {timer.name}.timer",
        f"rm -f {path}.timer {path}.service",
        "ctl daemon-reload",
        f'echo "systemd: $units/{timer.name}.timer is gone"',
    ]
