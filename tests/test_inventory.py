"""Hosts from descriptions and inventory files, and narrowed to some of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploy.errors import ConfigError
from deploy.inventory import narrowed, with_inventory
from deploy.reach import Reach
from deploy.system import Environment

HOSTS = {"app": "deploy@10.0.0.5, deploy@10.0.0.6", "db": ["db.example"]}


def environment(**changed: Any) -> Environment:
    return Environment.model_validate({"name": "far", "root": "/srv/x", "repository": "r", "hosts": HOSTS, **changed})


def test_a_role_is_a_list_or_a_text_with_commas() -> None:
    assert environment().hosts == {"app": ("deploy@10.0.0.5", "deploy@10.0.0.6"), "db": ("db.example",)}
    assert environment(hosts={"app": ["a,b", "b", "c"]}).hosts == {"app": ("a", "b", "c")}
    with pytest.raises(ValueError, match="should be hosts"):
        environment(hosts={"app": 7})


def test_an_inventory_file_names_hosts_and_its_mistakes_have_lines(tmp_path: Path) -> None:
    (tmp_path / "hosts.yaml").write_text("app:\n  - one\n  - two\ncache: three\n")
    found = with_inventory(environment(inventory="hosts.yaml"), tmp_path)
    assert found.hosts == {"app": ("one", "two"), "db": ("db.example",), "cache": ("three",)}
    (tmp_path / "hosts.yaml").write_text("app: one\ndb:\n  main: two\n")
    with pytest.raises(ConfigError, match=r"hosts\.yaml:2: db: should be hosts"):
        with_inventory(environment(inventory="hosts.yaml"), tmp_path)
    with pytest.raises(ConfigError, match="no such inventory"):
        with_inventory(environment(inventory="none.yaml"), tmp_path)


def test_hosts_are_narrowed_by_name_role_and_pattern() -> None:
    far = environment()
    assert narrowed(far, None, None) is far
    assert narrowed(far, "deploy@10.0.0.6", None).hosts["app"] == ("deploy@10.0.0.6",)
    assert narrowed(far, None, "*.6,db").hosts["app"] == ("deploy@10.0.0.6",)
    assert narrowed(far, None, "*.6,db").hosts["db"] == ("db.example",)
    assert narrowed(far, "db.example", None).hosts["app"] == ()


def test_the_control_host_stays_what_it_is() -> None:
    assert Reach(environment()).control == "deploy@10.0.0.5"
    assert Reach(narrowed(environment(), "deploy@10.0.0.6", None)).control == "deploy@10.0.0.5"


@pytest.mark.parametrize(
    ("hosts", "limit", "told"),
    [
        ("deploy@10.0.0.7", None, r"--hosts: 'deploy@10\.0\.0\.7' is no host.*\n.*did you mean"),
        (None, "ap", r"--limit: 'ap' is no role and no host\n.*did you mean 'app'"),
        ("db.example", "app", "no host is left"),
    ],
)
def test_a_name_that_is_nowhere_is_refused_with_the_nearest(hosts: str | None, limit: str | None, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        narrowed(environment(), hosts, limit)


def test_a_role_that_nobody_named_is_never_this_machine_by_mistake() -> None:
    with pytest.raises(ConfigError, match=r"no hosts of the role 'web'"):
        Reach(environment()).hosts("web")
    assert Reach(narrowed(environment(), "db.example", None)).hosts("app") == []
    assert Reach(environment(hosts={})).hosts("web") == ["localhost"]


def test_via_means_a_host_by_role_and_number() -> None:
    reach = Reach(environment())
    assert (reach.place("app[1]"), reach.place("other.example")) == ("deploy@10.0.0.6", "other.example")
    with pytest.raises(ConfigError, match=r"no host app\[2\]"):
        reach.place("app[2]")


def test_a_role_with_a_number_is_one_of_its_hosts() -> None:
    reach = Reach(environment())
    assert (reach.hosts("app[0]"), reach.hosts("app[1]")) == (["deploy@10.0.0.5"], ["deploy@10.0.0.6"])
    assert Reach(environment(hosts={})).hosts("app[0]") == ["localhost"]
    assert Reach(narrowed(environment(), "db.example", None)).hosts("app[0]") == []
    for role, told in (("web[0]", "no hosts of the role 'web'"), ("app[2]", r"no host app\[2\]")):
        with pytest.raises(ConfigError, match=told):
            reach.hosts(role)
