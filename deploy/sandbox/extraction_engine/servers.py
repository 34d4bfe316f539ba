"""The practice sources and a stand-in for Anthropic's Messages API, on 127.0.0.1.

`python -m deploy.sandbox.extraction_engine.servers --port PORT --state DIR`

    GET  /health                            {"status": "ok"}
    GET  /sources/<source>?q=…&cursor=N     {"items": […], "next_cursor": N}; 401 where a key is needed
    POST /anthropic/v1/messages             as api.anthropic.com answers; 401 without x-api-key

`--state` is where `servers.json` appears (port and pid) once requests are answered; port 0 takes a free one.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from deploy.sandbox.extraction_engine import recorded
from deploy.sandbox.extraction_engine.recorded import Json

RECORD = re.compile(r"<record>(.*)</record>", re.DOTALL)
Answer = tuple[int, Json]


def source_answer(source: str, query: Mapping[str, list[str]], key: str | None) -> Answer:
    """A page of a source's items."""
    if source not in recorded.BATCH:
        return 404, {"error": f"no source {source}"}
    if source in recorded.KEYED and not key:
        return 401, {"error": "x-api-key is missing"}
    try:
        cursor, limit = (int(query.get(name, ["0"])[0]) for name in ("cursor", "limit"))
    except ValueError:
        return 400, {"error": "cursor and limit are numbers"}
    items = recorded.batch(source, query.get("q", [""])[0], cursor, limit or None)
    return 200, {"source": source, "items": items, "next_cursor": cursor + len(items) if items else None}


def api_error(code: int, kind: str, message: str) -> Answer:
    """An error in the shape of Anthropic's API."""
    return code, {"type": "error", "error": {"type": kind, "message": message}}


def message_answer(body: Json, key: str | None) -> Answer:
    """An answer to a Messages request whose user content holds a <record>; the same request has the same answer."""
    if not key:
        return api_error(401, "authentication_error", "x-api-key header is required")
    missing = [name for name in ("model", "max_tokens", "messages") if name not in body]
    if missing:
        return api_error(400, "invalid_request_error", f"{missing[0]}: field required")
    text = json.dumps(body, sort_keys=True)
    facts = _read(body)
    identity = hashlib.sha256(text.encode()).hexdigest()[:24]
    content: Json = {"type": "text", "text": "The record is hard to read. Which of the places in it do you mean?"}
    if facts is not None:
        content = {"type": "tool_use", "id": f"toolu_{identity}", "name": "record_listing", "input": facts}
    return 200, {
        "id": f"msg_{identity}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [content],
        "stop_reason": "end_turn" if facts is None else "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": len(text) // 4, "output_tokens": len(json.dumps(content)) // 4},
    }


def _read(body: Json) -> Json | None:
    """The recorded reading of the request's record; None when there is no record or it is hard."""
    found = RECORD.search(str(body["messages"][-1].get("content", "")))
    if not found:
        return None
    try:
        record = json.loads(found[1])
    except ValueError:
        return None
    return recorded.reading(record, again="earlier answer" in str(body.get("system", "")))


class Handler(BaseHTTPRequestHandler):
    """Routes; silent, since requests carry keys."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/health":
            self._send((200, {"status": "ok"}))
        elif address.path.startswith("/sources/"):
            name = address.path.removeprefix("/sources/")
            self._send(source_answer(name, parse_qs(address.query), self.headers.get("x-api-key")))
        else:
            self._send((404, {"error": "not found"}))

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        if urlsplit(self.path).path != "/anthropic/v1/messages":
            self._send((404, {"error": "not found"}))
            return
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        if isinstance(body, dict):
            self._send(message_answer(body, self.headers.get("x-api-key")))
        else:
            self._send(api_error(400, "invalid_request_error", "the body is not a JSON object"))

    def _send(self, answer: Answer) -> None:
        status, document = answer
        payload = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: an access log would be noise, and a place for keys to end up in."""


def make_server(port: int = 0) -> ThreadingHTTPServer:
    """A server bound to 127.0.0.1; its `server_port` tells which port 0 became."""
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    return server


def announce(folder: Path, port: int) -> None:
    """Writes servers.json in one go, for whoever waits for it."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / "servers.json.new"
    unfinished.write_text(json.dumps({"port": port, "pid": os.getpid()}), encoding="utf-8")
    unfinished.replace(folder / "servers.json")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="practice sources and a stand-in for Anthropic's API")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    options = parser.parse_args(arguments)
    with make_server(options.port) as server:
        announce(options.state, server.server_port)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
