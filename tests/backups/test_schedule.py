from __future__ import annotations

from pathlib import Path

import pytest

from deploy.backups.schedule import Schedule, install, remove
from deploy.errors import CommandFailed, ConfigError
from deploy.site import Site
from deploy.system import Environment

DAILY = Schedule("shop", "prod", "/srv/50% off/it's")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site whose `crontab` keeps its table in a file."""
    tool = tmp_path / "bin/crontab"
    tool.parent.mkdir()
    tool.write_text(
        f"""#!/bin/sh
table={tmp_path}/table
[ -e {tmp_path}/broken ] && {{ echo 'crontab: cannot open spool' >&2; exit 1; }}
if [ "$1" = -l ]; then [ -e $table ] && exec cat $table; echo 'no crontab for me' >&2; exit 1; fi
cat "$1" >$table
"""
    )
    tool.chmod(0o755)
    given = {"name": "prod", "root": str(tmp_path), "repository": "/r", "path": [str(tool.parent)]}
    return Site(Environment.model_validate(given))


def test_the_line_is_one_that_cron_understands() -> None:
    assert DAILY.crontab_line() == (
        "30 2 * * * cd '/srv/50\\% off/it'\"'\"'s' && scripts/invoke backup.create --system=shop --env=prod"
        " # pipeline-deploy: backup.create shop prod"
    )


def test_the_timer_is_one_that_systemd_understands() -> None:
    units = DAILY.timer()
    assert set(units) == {"backup-shop-prod.service", "backup-shop-prod.timer"}
    assert "OnCalendar=*-*-* 02:30:00" in units["backup-shop-prod.timer"]
    assert "50%% off" in units["backup-shop-prod.service"]


@pytest.mark.parametrize("at", ["02:30", "", "* * * *", "30 2 * * *\n* * * * * rm", "30 2 * * * rm"])
def test_times_that_cron_would_not_take_are_refused(at: str) -> None:
    with pytest.raises(ConfigError, match="no cron time"):
        Schedule("shop", "prod", "/srv", at)


def test_a_timer_is_for_daily_times() -> None:
    with pytest.raises(ConfigError, match="not daily"):
        Schedule("shop", "prod", "/srv", "*/5 * * * *").timer()


def test_installing_twice_leaves_one_line_and_all_others(site: Site, tmp_path: Path) -> None:
    install(site, DAILY)
    table = tmp_path / "table"
    table.write_text("MAILTO=me\n" + table.read_text() + "0 1 * * * other\n")
    install(site, Schedule("shop", "prod", "/srv/50% off/it's", "15 4 * * *"))
    install(site, Schedule("shop", "staging", "/srv"))
    lines = table.read_text().splitlines()
    assert lines[:2] == ["MAILTO=me", "0 1 * * * other"]
    assert [line[:10] for line in lines[2:]] == ["15 4 * * *", "30 2 * * *"]
    remove(site, DAILY)
    assert [line[:10] for line in table.read_text().splitlines()] == ["MAILTO=me", "0 1 * * * ", "30 2 * * *"]


def test_a_crontab_that_cannot_be_read_is_not_overwritten(site: Site, tmp_path: Path) -> None:
    (tmp_path / "table").write_text("precious\n")
    (tmp_path / "broken").touch()
    with pytest.raises(CommandFailed, match="cannot open spool"):
        install(site, DAILY)
    assert (tmp_path / "table").read_text() == "precious\n"
