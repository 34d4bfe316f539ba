from pathlib import Path
from typing import Any

import pytest

from deploy import yamlfile
from deploy.errors import ConfigError
from deploy.system import Environment, Hours, Release, System, Task


def system(**more: Any) -> System:
    return System.model_validate({"name": "s", "title": "S", "folder": Path("/tmp"), "flow": ["prereqs"], **more})


def hours(text: str) -> Hours:
    return yamlfile.build(Hours, yamlfile.parse(text, "system.yaml"))


def test_a_flow_names_phases_with_or_without_steps() -> None:
    described = system(flow=["prereqs", {"backup": ["backup"]}, {"name": "migrate", "steps": ["migrate"]}])
    assert described.phases == ("prereqs", "backup", "migrate")
    assert [phase.steps for phase in described.flow] == [(), ("backup",), ("migrate",)]


def test_an_unknown_phase_is_told_at_its_line_with_the_nearest() -> None:
    document = yamlfile.parse("name: s\ntitle: S\nfolder: /\nflow:\n- prereqs\n- migrat: [x]\n", "system.yaml")
    with pytest.raises(ConfigError, match=r"system\.yaml:6: .*no phase 'migrat'; did you mean 'migrate'\?"):
        yamlfile.build(System, document)


def test_a_flow_without_phases_is_refused() -> None:
    with pytest.raises(ConfigError, match="flow"):
        yamlfile.build(System, yamlfile.parse("name: s\ntitle: S\nfolder: /\nflow: []", "system.yaml"))


def test_a_file_of_the_system_is_read_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "undo.sql").write_text("délete", encoding="utf-8")
    assert system(folder=tmp_path).text("undo.sql") == "délete"


def test_urls_and_secrets_of_an_environment_are_never_seen() -> None:
    place = Environment.model_validate(
        {
            "name": "prod",
            "root": "/srv",
            "repository": "/srv/git",
            "databases": {"app": {"url": "postgresql://u:canary-one@h/d"}},
            "secrets": {"KEY": "canary-two"},
        }
    )
    assert "canary" not in repr(place) + str(place) + place.model_dump_json(fallback=str)
    assert place.databases["app"].url.reveal() == "postgresql://u:canary-one@h/d"


def test_hours_are_days_times_and_a_zone() -> None:
    told = hours("{days: mon-thu, from: 09:00, to: 16:30, zone: Europe/London}")
    assert (told.days, told.start, told.end, told.zone) == ("mon-thu", "09:00", "16:30", "Europe/London")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{days: monday, from: 09:00, to: 16:00, zone: UTC}", "days like mon-thu"),
        ("{days: mon-thu, from: 9, to: 16:00, zone: UTC}", "should be text"),
        ("{days: mon-thu, from: 09:00, to: 24:00, zone: UTC}", "time of day"),
        ("{days: mon-thu, from: 09:00, to: 16:00, zone: Europe/Lodnon}", "time zone"),
        ("{days: mon-thu, from: 09:00, to: 16:00, zone: ../etc}", "time zone"),
    ],
)
def test_hours_that_mean_nothing_are_refused(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        hours(text)


def test_a_release_that_is_built_is_not_linked_to_an_older_one() -> None:
    assert Release(unchanged="link").unchanged == "link"
    with pytest.raises(ValueError, match="do not go together"):
        Release(unchanged="link", build=(Task(name="b", run=("true",)),))
