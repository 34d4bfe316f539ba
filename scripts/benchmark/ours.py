"""The checks asked by this toolkit, as a whole process: python -m scripts.benchmark.ours ASKED TRANSPORT TIMES.

With it started, each time that the questions are asked is timed: the seconds go to `seconds` beside the answers.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.endpoints import Ssh
from deploy.question import Answer, Output, Shell, Unanswered
from deploy.site import Site
from deploy.system import Environment
from scripts.benchmark.asked import Asked


def main(path: str, transport: str, times: str = "1") -> int:
    asked = Asked.read(path)
    site = opened(asked, transport)
    seconds = []
    for _ in range(int(times)):
        began = time.monotonic()
        answers = site.answer([(host, Shell(check)) for host in asked.hosts for check in asked.checks])
        seconds.append(time.monotonic() - began)
    keep(asked, answers)
    Path(path).with_name("seconds").write_text(" ".join(map(str, seconds)))
    return 0


def opened(asked: Asked, transport: str) -> Site:
    ssh = Ssh.model_validate(
        {"transport": transport, "config": asked.config, "known_hosts": asked.known_hosts, "identity": asked.key}
    )
    return Site(Environment(name="bench", root="/srv/app", repository="", hosts={"app": tuple(asked.hosts)}, ssh=ssh))


def keep(asked: Asked, answers: Sequence[Answer | Unanswered]) -> None:
    size = len(asked.checks)
    for number, host in enumerate(asked.hosts):
        asked.save(host, [text(answer) for answer in answers[number * size : (number + 1) * size]])


def text(answer: Answer | Unanswered) -> str:
    return answer.out if isinstance(answer, Output) else str(answer)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
