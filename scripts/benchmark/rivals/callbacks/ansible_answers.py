"""Ansible's callback `ansible_answers`: keeps what each task printed instead of showing it."""

from __future__ import annotations

import os
from typing import Any

from ansible.plugins.callback import CallbackBase  # type: ignore[import-not-found, unused-ignore]

from scripts.benchmark.asked import Asked

DOCUMENTATION = """
    name: ansible_answers
    type: stdout
    short_description: keeps the standard output of each task
    description: For a comparison.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc, unused-ignore]
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "ansible_answers"

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, list[str]] = {}

    def v2_runner_on_ok(self, result: Any) -> None:
        self.told.setdefault(result.host.get_name(), []).append(result.result["stdout"])

    def v2_playbook_on_stats(self, stats: Any) -> None:
        asked = Asked.read(os.environ["ASKED"])
        for host, answers in self.told.items():
            if len(answers) == 1:
                asked.save_batch(host, f"{answers[0]}\n")
            else:
                asked.save(host, answers)
