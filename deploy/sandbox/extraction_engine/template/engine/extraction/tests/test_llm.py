import io
import json
from typing import Any
from urllib.error import HTTPError, URLError

import pytest

from engine.extraction import llm
from engine.extraction.extractors import ExtractionError
from engine.extraction.tests.conftest import RecordedModel, answer, refusal


@pytest.mark.parametrize(
    ("tokens", "pounds"),
    [((0, 0), 0.0), ((1_000_000, 0), 0.80), ((0, 1_000_000), 4.00), ((500, 100), 0.0008), ((1_000_000, 500_000), 2.80)],
)
def test_cost(tokens: tuple[int, int], pounds: float) -> None:
    assert llm.cost(*tokens) == pytest.approx(pounds)


def test_the_hash_depends_on_the_content_and_not_on_its_order() -> None:
    assert llm.extraction_hash({"a": 1, "b": 2}, "m") == llm.extraction_hash({"b": 2, "a": 1}, "m")


@pytest.mark.parametrize(("item", "model"), [({"a": 2}, "m"), ({"a": 1}, "n"), ({}, "m"), ({"a": "1"}, "m")])
def test_another_item_or_model_has_another_hash(item: dict[str, Any], model: str) -> None:
    assert llm.extraction_hash(item, model) != llm.extraction_hash({"a": 1}, "m")


def test_another_prompt_has_another_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    before = llm.extraction_hash({"a": 1}, "m")
    monkeypatch.setattr(llm, "PROMPT", "Something else.")
    assert llm.extraction_hash({"a": 1}, "m") != before


USABLE = {"entity_name": "Leith Padel Club", "website_url": "https://leith.example"}


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (refusal(), "does not use the tool"),
        ({}, "does not use the tool"),
        (answer(**USABLE, entity_type="PUB"), "unknown entity_type"),
        (answer(website_url="https://leith.example"), "no entity_name"),
        (answer(**{**USABLE, "entity_name": ""}), "no entity_name"),
        (answer(**USABLE, latitude=91), "latitude"),
        (answer(**USABLE, latitude="55.9"), "latitude"),
        (answer(**USABLE, longitude=-181), "longitude"),
    ],
)
def test_unusable_answers(reply: dict[str, Any], why: str) -> None:
    with pytest.raises(ExtractionError, match=why):
        llm.understand(reply)


def test_tokens_are_kept_with_the_facts() -> None:
    assert llm.understand(answer(**USABLE)).attributes["llm_usage"] == {"input_tokens": 400, "output_tokens": 100}


def test_a_request_names_model_and_tool_and_says_when_it_asks_again(model: RecordedModel) -> None:
    reader = llm.Reader(post=model, model="m")
    reader.read({"name": "Leith", "hard": True}, again=True)
    request = model.requests[0]
    assert (request["model"], request["tool_choice"]["name"]) == ("m", "record_listing")
    assert llm.AGAIN in request["system"]


def test_without_a_key_there_is_no_api() -> None:
    with pytest.raises(ValueError, match="ANTHROPIC_API_KEY is not set"):
        llm.messages_api()


def test_the_key_travels_in_a_header(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    monkeypatch.setattr(llm, "urlopen", lambda request, timeout: asked.append(request) or io.StringIO(json.dumps({})))
    assert llm.messages_api()({"model": "m"}) == {}
    assert (asked[0].full_url, asked[0].headers["X-api-key"]) == ("https://api.anthropic.com/v1/messages", "k")


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (HTTPError("u", 401, "Unauthorized", None, io.BytesIO()), "answered 401 Unauthorized"),
        (HTTPError("u", 529, "Overloaded", None, io.BytesIO()), "answered 529 Overloaded"),
        (URLError("refused"), "refused"),
        (TimeoutError("timed out"), "timed out"),
    ],
)
def test_failures_of_the_api(error: Exception, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    monkeypatch.setattr(llm, "urlopen", fail)
    with pytest.raises(ExtractionError, match=why):
        llm.messages_api()({})
