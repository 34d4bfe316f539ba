"""The timer and the crontab line: understood by their readers, and made once however often one asks."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from deploy.errors import CommandFailed, ConfigError
from deploy.monitor.install import Timer, install, uninstall
from deploy.monitor.messages import Place
from deploy.site import Site
from deploy.system import Environment

PLACE = Place("shop", "prod")
TOOLS = {
    "crontab": """
if [ "$1" = -l ]; then [ -e $there/table ] && exec cat $there/table; echo 'no crontab for me' >&2; exit 1; fi
[ -e $there/broken ] && exit 1
cat "$1" >$there/table
""",
    "systemctl": """
[ "$1" = --user ] && shift
echo "$*" >>$there/calls
case "$*" in *is-active*) [ -e $there/on ] ;; restart*) touch $there/on ;; disable*) rm -f $there/on ;; esac
""",
    "loginctl": "exit 0",
}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site whose crontab and systemd keep what they were told in files."""
    for name, text in TOOLS.items():
        tool = tmp_path / "bin" / name
        tool.parent.mkdir(exist_ok=True)
        tool.write_text(f"#!/bin/sh\nthere={tmp_path}\n{text}")
        tool.chmod(0o755)
    given = {"name": "prod", "root": str(tmp_path), "repository": "/r", "path": [str(tmp_path / "bin")]}
    return Site(Environment.model_validate(given))


def timer(way: str, folder: Path, minutes: int = 5) -> Timer:
    return Timer(PLACE, "/srv/50% off/it's", timedelta(minutes=minutes), way=way, units=str(folder / "units"))


def test_a_crontab_gets_one_line_once(site: Site, tmp_path: Path) -> None:
    table = tmp_path / "table"
    table.write_text("MAILTO=me\n0 1 * * * other\n")
    told = [site.execute(install(timer("cron", tmp_path))).out for _ in range(2)]
    assert told[1] == "unchanged\n"
    line = (
        "*/5 * * * * cd '/srv/50\\% off/it'\"'\"'s' && scripts/invoke monitor --alert --every=5m --system=shop"
        " --env=prod >/dev/null # pipeline-deploy: monitor-shop-prod"
    )
    assert told[0] == f"crontab: {line}\n"
    table.write_text(table.read_text() + "5 5 * * * later\n")
    assert site.execute(install(timer("cron", tmp_path))).out == "unchanged\n"
    table.write_text(table.read_text().replace("5 5 * * * later\n", ""))
    site.execute(install(timer("cron", tmp_path, 15)))
    assert table.read_text() == "MAILTO=me\n0 1 * * * other\n" + line.replace("*/5", "*/15").replace("5m", "15m") + "\n"
    told = [site.execute(uninstall(timer("cron", tmp_path))).out for _ in range(2)]
    assert told == ["crontab: our line is gone\n", "unchanged\n"]
    assert table.read_text() == "MAILTO=me\n0 1 * * * other\n"


def test_a_timer_is_made_once_and_taken_away(site: Site, tmp_path: Path) -> None:
    told = [site.execute(install(timer("systemd", tmp_path))).out for _ in range(2)]
    units = sorted(path.name for path in (tmp_path / "units").iterdir())
    assert units == ["monitor-shop-prod.service", "monitor-shop-prod.timer"]
    assert told == [f"systemd: {tmp_path}/units/monitor-shop-prod.timer\n", "unchanged\n"]
    site.execute(install(timer("systemd", tmp_path, 10)))
    assert "OnUnitActiveSec=600s" in (tmp_path / "units/monitor-shop-prod.timer").read_text()
    assert (tmp_path / "calls").read_text().count("restart monitor-shop-prod.timer") == 2
    told = [site.execute(uninstall(timer("systemd", tmp_path))).out for _ in range(2)]
    assert told[1] == "unchanged\n"
    assert list((tmp_path / "units").iterdir()) == []


def test_a_timer_for_metrics_is_another_one() -> None:
    metrics = Timer(PLACE, "/srv/toolkit", timedelta(minutes=1), output="/var/lib/node/deploy.prom", env={"A": "b c"})
    assert "metrics-shop-prod.timer" in metrics.unit_files()
    assert metrics.command.startswith("cd /srv/toolkit && A='b c' scripts/invoke monitor.export --output=/var/lib/")


@pytest.mark.parametrize(("minutes", "time"), [(1, "*/1 * * * *"), (120, "0 */2 * * *"), (1440, "0 0 * * *")])
def test_times_as_cron_writes_them(tmp_path: Path, minutes: int, time: str) -> None:
    assert timer("cron", tmp_path, minutes).crontab_line().startswith(f"{time} cd ")


@pytest.mark.parametrize("minutes", [7, 0.5, 90, 2880])
def test_what_cron_cannot_say_is_refused(tmp_path: Path, minutes: int) -> None:
    with pytest.raises(ConfigError, match="cron cannot"):
        install(timer("cron", tmp_path, minutes))


def test_a_crontab_that_cannot_be_written_is_told(site: Site, tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    with pytest.raises(CommandFailed):
        site.execute(install(timer("cron", tmp_path)))
    with pytest.raises(ConfigError, match="systemd or cron"):
        timer("at", tmp_path)


def test_by_itself_it_finds_what_runs_here(site: Site, tmp_path: Path) -> None:
    told = [site.execute(install(timer("auto", tmp_path))).out for _ in range(2)]
    assert told[0].startswith("systemd: " if Path("/run/systemd/system").is_dir() else "crontab: ")
    assert told[1] == "unchanged\n"
    told = [site.execute(uninstall(timer("auto", tmp_path))).out for _ in range(2)]
    assert told[0].endswith("gone\n") and told[1] == "unchanged\n"
