"""The practice sources and the stand-in for Anthropic's API."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deploy.sandbox.extraction_engine import recorded
from deploy.sandbox.extraction_engine.servers import message_answer
from deploy.sandbox.extraction_engine.shared import ENABLED, sources_yaml


@pytest.fixture
def client(server_port: int) -> Any:
    with httpx.Client(base_url=f"http://127.0.0.1:{server_port}", trust_env=False) as client:
        yield client


def test_as_a_process_it_tells_its_port_and_nothing_else(tmp_path: Path) -> None:
    module, state = "deploy.sandbox.extraction_engine.servers", tmp_path / "state" / "servers.json"
    command = [sys.executable, "-m", module, "--port", "0", "--state", str(state.parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            while not state.exists() and process.poll() is None:
                time.sleep(0.02)
            found = json.loads(state.read_text())
            assert found["pid"] == process.pid
            address = f"http://127.0.0.1:{found['port']}/sources/serper?q=padel"
            assert httpx.get(address, headers={"x-api-key": "a-key"}, trust_env=False).status_code == 200
        finally:
            process.terminate()
        said, _ = process.communicate(timeout=10)
    assert said == b""


def body(record: Any, **changed: Any) -> dict[str, Any]:
    content = f"<record>{json.dumps(record)}</record>"
    return {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": content}], **changed}


def test_health(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "ok"}


@pytest.mark.parametrize(("source", "size"), recorded.BATCH.items())
def test_a_source_goes_on_after_the_cursor_and_ends(source: str, size: int, client: httpx.Client) -> None:
    def ask(cursor: int) -> Any:
        return client.get(
            f"/sources/{source}", params={"q": "padel", "cursor": cursor}, headers={"x-api-key": "k"}
        ).json()

    first, second = ask(0), ask(size)
    assert len(first["items"]) == len(second["items"]) == size
    assert first["next_cursor"] == size
    assert not [item for item in first["items"] if item in second["items"]]
    assert len(ask(5 * size)["items"]) == size, "there must be something for six loads"
    assert ask(10_000) == {"source": source, "items": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/sources/serper?q=padel&cursor=0", 401),
        ("/sources/openstreetmap?q=padel&cursor=x", 400),
        ("/sources/yellow_pages?q=padel", 404),
        ("/elsewhere", 404),
    ],
)
def test_what_a_source_refuses(path: str, status: int, client: httpx.Client) -> None:
    assert client.get(path).status_code == status


def test_names_are_unique_and_sources_agree() -> None:
    venues = [recorded.venue("padel", number) for number in range(recorded.VENUES)]
    assert len({venue["slug"] for venue in venues}) == recorded.VENUES
    by_name = {item["title"]: item for item in recorded.batch("serper", "padel", 0)}
    shared = [item for item in recorded.batch("openstreetmap", "padel", 0) if item["tags"]["name"] in by_name]
    assert shared
    for item in shared:
        assert item["tags"]["phone"] == by_name[item["tags"]["name"]]["phoneNumber"]


def test_the_model_answers_the_same_question_the_same_way(client: httpx.Client) -> None:
    record = recorded.batch("serper", "padel", 0)[0]
    answers = [client.post("/anthropic/v1/messages", json=body(record), headers={"x-api-key": "k"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    answer = answers[0].json()
    assert answer["stop_reason"] == "tool_use"
    assert answer["content"][0]["input"]["postcode"] == "EH6 6QW"
    assert answer["usage"]["input_tokens"] > 0


def test_few_records_are_hard_and_only_at_first() -> None:
    for source in ("serper", "openstreetmap"):
        hard = [item for item in recorded.batch(source, "padel", 0) if "legibility" in item]
        assert len(hard) == 1
        assert message_answer(body(hard[0]), "k")[1]["stop_reason"] == "end_turn"
        assert message_answer(body(hard[0], system="An earlier answer …"), "k")[1]["stop_reason"] == "tool_use"


def test_the_model_reads_nothing_where_there_is_no_record() -> None:
    for content in ("hello", "<record>{</record>"):
        answer = message_answer(body({}, messages=[{"role": "user", "content": content}]), "k")[1]
        assert answer["content"][0]["type"] == "text"


def test_errors_have_the_shape_of_the_real_ones(client: httpx.Client) -> None:
    without_key = client.post("/anthropic/v1/messages", json=body({}))
    assert (without_key.status_code, without_key.json()["error"]["type"]) == (401, "authentication_error")
    for content in (b"[]", b"{", b"{}"):
        answer = client.post("/anthropic/v1/messages", content=content, headers={"x-api-key": "k"})
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert client.post("/elsewhere", json={}).status_code == 404


def test_the_sources_file_names_each_connector_and_no_key_of_its_own() -> None:
    sections = yaml.safe_load(sources_yaml("http://127.0.0.1:1/", {"serper": "given"}))
    assert sections["openstreetmap"]["base_url"] == "http://127.0.0.1:1/sources/openstreetmap"
    assert sections["serper"]["api_key"] == "given"
    assert sections["google_places"]["api_key"] == "${GOOGLE_PLACES_API_KEY}"
    assert tuple(name for name, section in sections.items() if section.get("enabled")) == ENABLED
