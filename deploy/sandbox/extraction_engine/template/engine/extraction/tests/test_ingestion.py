import io
import json
from typing import Any
from urllib.error import HTTPError, URLError

import pytest

from engine import config, generate
from engine.ingestion import cli, connectors
from engine.ingestion.connectors import SourceError


def test_an_unset_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "value")
    assert config.expand("${A_KEY}!", "serper.api_key") == "value!"
    assert config.expand(30, "serper.timeout_seconds") == 30
    with pytest.raises(config.ConfigurationError, match=r"serper.api_key needs the environment variable NO_KEY"):
        config.expand("${NO_KEY}", "serper.api_key")


def test_a_file_that_is_missing_is_named() -> None:
    with pytest.raises(config.ConfigurationError, match="does not exist"):
        config.load("nowhere")


@pytest.mark.parametrize(
    ("source", "level"), [("sport_scotland", 90), ("google_places", 70), ("openstreetmap", 40), ("hearsay", 10)]
)
def test_trust(source: str, level: int) -> None:
    assert config.trust(source) == level


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (HTTPError("u", 401, "Unauthorized", None, io.BytesIO()), "answered 401"),
        (URLError("refused"), "could not be reached: refused"),
        (ValueError("x"), "not JSON"),
    ],
)
def test_failures_of_a_source(error: Exception, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(connectors, "urlopen", fail)
    with pytest.raises(SourceError, match=why):
        connectors.get_json("http://source.example", {}, 1)


def test_the_key_is_sent_in_a_header(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    page = json.dumps({"items": [{"id": 1}]})
    monkeypatch.setattr(connectors, "urlopen", lambda request, timeout: asked.append(request) or io.StringIO(page))
    url, items = connectors.next_batch("serper", "padel edinburgh", 24)
    assert url == "http://serper.example?q=padel+edinburgh&cursor=24"
    assert (items, asked[0].headers["X-api-key"]) == ([{"id": 1}], "k")


def test_the_client_has_the_columns_and_no_relations() -> None:
    schema = generate.SCHEMA.read_text(encoding="utf-8")
    found = generate.models(schema)
    assert len(found) == 7
    assert "raw_ingestion_id" in found["FailedExtraction"]
    assert "raw" not in found["FailedExtraction"]
    assert generate.render(schema) == generate.render(schema)


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["--list"], 0), (["--status"], 1), (["serper", "padel"], 1)])
def test_the_command_without_a_database(arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert cli.main(arguments) == code


@pytest.mark.parametrize("arguments", [["yellow_pages", "padel"], ["serper"], ["--nonsense"]])
def test_the_command_refuses_other_arguments(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments)
