"""What a machine has, lacks and is given, judged without giving it anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.errors import ConfigError
from deploy.sandbox.tiki_pipeline import compose_plugin, engine, packages, shop

TARGETS = """\
https://example.net/apt Other main
http://deb.example.net/debian-security Debian main
http://deb.example.net/debian Debian contrib
http://deb.example.net/debian Debian main
"""


def test_the_mirror_is_the_machines_own() -> None:
    assert compose_plugin.mirror(TARGETS) == "http://deb.example.net/debian"
    with pytest.raises(ConfigError, match="no package source of Debian's"):
        compose_plugin.mirror("https://example.net/apt Other main\n")


def test_packages_are_missed_by_their_programs() -> None:
    assert packages.missing(lambda program: None) == list(packages.wanted())
    assert packages.missing(lambda program: None if program == "dockerd" else program) == ["docker.io"]


def test_who_may_not_install_is_told_what_misses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "missing", lambda: ["docker.io", "curl"])
    monkeypatch.setattr(packages.os, "geteuid", lambda: 1000)
    with pytest.raises(ConfigError, match=r"lacks docker.io, curl\n.*apt-get install docker.io curl"):
        packages.ensure(print)


def test_no_engine_answers_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not engine.answers(tmp_path / "docker.sock")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(engine, "SOCKET", tmp_path / "docker.sock")
    monkeypatch.setattr(engine.os, "geteuid", lambda: 1000)
    with pytest.raises(ConfigError, match="no Docker Engine answers"):
        engine._start(print)


def test_the_shop_has_what_its_pages_name() -> None:
    listed = shop.page("/categories", 3, "http://shop")["items"]
    assert [category["category_id"] for category in listed] == ["0", "1", "2"]
    for item in shop.page("/categories/2/products", 5, "http://shop")["items"]:
        found = shop.page(item["url"].removeprefix("http://shop"), 0, "http://shop")
        assert found["product_id"] == item["product_id"] and found["category_url"] == listed[2]["url"]
    assert shop.page("/products/999999", 0, "http://shop") is None
