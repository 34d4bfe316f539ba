"""Run `invoke` with a site that keeps what it was asked and answered: python -m scripts.benchmark.heard FILE WORDS.

Only this process is listened to: it is started for that. The file is for `read`.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

from invoke.main import program

from deploy import session
from deploy.question import Answer, Question, Unanswered
from deploy.site import Asked, Site

Heard = list[tuple[Question, Answer | Unanswered]]
heard: Heard = []


class Listening(Site):
    """A site that remembers all of it, equal questions once."""

    def answer(self, asked: Sequence[Asked]) -> list[Answer | Unanswered]:
        answers = super().answer(asked)
        for (_, question), found in zip(asked, answers, strict=True):
            if question not in [known for known, _ in heard]:  # by equality: their mappings cannot be hashed
                heard.append((question, found))
        return answers


def read(path: Path) -> Heard:
    """What a command that has ended was told."""
    found: Heard = pickle.loads(path.read_bytes())  # noqa: S301 - a process of ours has just written it
    return found


def main(out: str, *words: str) -> None:
    """Run the command as `invoke` does; it ends the process with its own exit code."""
    try:
        with patch.object(session, "Site", Listening):  # the one place where a site is made
            program.run(["invoke", *words])
    finally:
        Path(out).write_bytes(pickle.dumps(heard))


if __name__ == "__main__":
    main(*sys.argv[1:])
