"""Questions about a Compose stack as its checklist's reader types them: `docker`, `docker exec`, `psql`, `curl`.

For Airflow that is its command line in a container, as the checklist has it; what that cannot tell is asked of the API,
with a token that was fetched before.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from urllib.parse import unquote, urlencode, urlsplit

from deploy.channels import urls
from deploy.channels.airflow_cli import READS
from deploy.endpoints import Airflow as Api
from deploy.endpoints import Docker as Engine
from deploy.question import Airflow, Docker, Http, Question, Redis, Shell, Sql
from deploy.secret import Secret
from deploy.site import Site
from scripts.benchmark import typed
from scripts.benchmark.place import Broken

ACCESS = r's/.*"access_token": *"\([^"]*\)".*/\1/'


class Reader:
    """Somebody with the checklist, a terminal, and an environment's addresses."""

    def __init__(self, site: Site) -> None:
        environment = site.environment
        if environment.docker is None or environment.airflow is None:
            raise Broken(f"the environment {environment.name} has no Docker Engine, or no Airflow")
        self.site = site
        self.engine: Engine = environment.docker
        self.api: Api = environment.airflow

    def line(self, question: Question) -> str:
        """One command line."""
        if isinstance(question, Shell | Sql):
            return typed.lines(question, self.site)
        if isinstance(question, Redis):
            return self.redis(question)
        if isinstance(question, Http):
            return f"curl -sS {shlex.quote(question.url)}"
        return self.airflow(question) if isinstance(question, Airflow) else self.docker(question)

    def redis(self, question: Redis) -> str:
        url = self.site.environment.caches[question.cache].url
        host, port = urls.address(url)
        words = shlex.join(question.words)
        return f"REDISCLI_AUTH={shlex.quote(password(url))} redis-cli -h {host} -p {port} {words}"

    def docker(self, question: Docker) -> str:
        label = f"label=com.docker.compose.project={self.engine.project}"
        options = question.options
        chosen = f"$(docker ps -aq --filter {shlex.quote(label)})"
        if question.what == "engine":
            return "docker version && docker info"
        if question.what == "services":
            return f"docker inspect {chosen}"
        if question.what == "stats":
            return f"docker stats --no-stream {chosen}"
        if question.what == "logs":
            since = f" --since {options['since']}" if options.get("since") else ""
            return f"for c in {chosen}; do docker logs{since} $c; done"
        service = f"label=com.docker.compose.service={options['service']}"
        one = f"$(docker ps -q --filter {shlex.quote(label)} --filter {shlex.quote(service)})"
        cwd = f"-w {shlex.quote(str(options['cwd']))} " if options.get("cwd") else ""
        argv: Sequence[str] = options["argv"]  # type: ignore[assignment]
        return f"docker exec {cwd}{one} {shlex.join(argv)}"

    def airflow(self, question: Airflow) -> str:
        for pattern, words, _ in READS:
            if match := re.fullmatch(pattern, question.path):
                names = [unquote(name) for name in match.groups()]
                return self.command([names[int(word[1])] if word.startswith("$") else word for word in words])
        if question.path == "login":
            return self.token()
        url = f"{self.api.url}/api/v2/{question.path}?{urlencode(question.params)}"
        return f'printf \'header = "Authorization: Bearer %s"\' "$TOKEN" | curl -sS -K - {shlex.quote(url)}'

    def command(self, words: Sequence[str]) -> str:
        """Airflow's command line, in its container."""
        return typed.assigned(self.api.env) + shlex.join([*self.api.cli, *words])

    def token(self) -> str:
        """Fetch a token, as everybody does who asks the API by hand."""
        body = json.dumps({"username": self.api.user, "password": self.api.password.reveal()})
        post = f"curl -sS -H 'Content-Type: application/json' --data @- {shlex.quote(f'{self.api.url}/auth/token')}"
        return f"TOKEN=$(printf %s {shlex.quote(body)} | {post} | sed {shlex.quote(ACCESS)})"


def password(url: Secret) -> str:
    return unquote(urlsplit(url.reveal()).password or "")
