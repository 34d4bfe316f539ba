"""Compose as data: what a call looks like, and what its outlook means."""

from __future__ import annotations

import pytest

from deploy.compose import Project, changing, engine_host
from deploy.endpoints import Docker
from deploy.secret import Secret
from deploy.workload import Compose

DRY_UP = "dry\n DRY-RUN MODE -  Container p-web-1  Running \n"
DRY_NEW = "dry\n DRY-RUN MODE -  Container p-web-1  Recreate \n DRY-RUN MODE -  Container p-web-1  Recreated \n"
DRY_STOPPED = "dry\n DRY-RUN MODE -  Container p-web-1  Created \n DRY-RUN MODE -  Container p-web-1  Starting \n"


def test_a_call_names_its_project_folder_and_files_and_no_secret() -> None:
    project = Project("p", ("a.yaml", "b.yaml"), "/s/.env", "unix:///x.sock", {"TAG": "1"}, {"PW": Secret("hush-hush")})
    script = project.script([project.up("/r one", ["web"])], "up")
    line = "$compose -p p --project-directory '/r one' --env-file /s/.env -f '/r one/a.yaml' -f '/r one/b.yaml' up"
    assert f"{line} -d --no-deps --no-build web" in script.text
    assert script.env == {"TAG": "1", "DOCKER_HOST": "unix:///x.sock"}
    assert "hush" not in script.shell() + str(script)


@pytest.mark.parametrize(
    ("outlook", "hashes", "changes"),
    [
        (DRY_UP, {}, False),
        (DRY_NEW, {}, True),
        (DRY_STOPPED, {}, False),
        ("hashes\nweb abc\nredis def\n", {"web": "abc"}, False),
        ("hashes\nweb abc\nredis def\n", {"web": "old"}, True),
        ("hashes\nredis def\n", {"web": "abc"}, True),
    ],
)
def test_what_up_would_make_anew(outlook: str, hashes: dict[str, str], changes: bool) -> None:
    assert changing(outlook, ["web"], hashes) is changes


def test_the_engine_is_named_only_where_it_is_another_one() -> None:
    assert engine_host(Docker(project="p")) == ""
    assert engine_host(Docker(project="p", socket="/run/d.sock")) == "unix:///run/d.sock"
    assert engine_host(Docker(project="p", socket="tcp://h:2375")) == "tcp://h:2375"


@pytest.mark.parametrize(
    "given", [{"services": []}, {"services": ["a"], "stores": ["a"]}, {"services": ["a"], "once": ["b"]}]
)
def test_services_are_kept_apart(given: dict[str, list[str]]) -> None:
    with pytest.raises(ValueError, match=r"services|a store|once"):
        Compose.model_validate(given)
