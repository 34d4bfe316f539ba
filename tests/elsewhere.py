"""Another host, played by a folder of this machine: what is lost on the way to it, and what happens there meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from deploy.channels.transport import ASKED, Deadline, Ended, Local, Mode, Receive

# Words of the scripts that the control folder is asked by.
LISTED, FETCHED, RECORDED = "for each in journals/", "cat -- journals/one.jsonl", "tail -n 1 journals/one.jsonl"
CLAIMED, ASKED_AGE, BEATEN, GIVEN_BACK = 'ln "$draft" lock', "stat -c %Y lock", "touch -c lock", "rm -f lock"


class Lossy:
    """This machine as another host, over a connection that is lost when it is told to: after the work was done.

    `then` is what happens elsewhere right after the first script with certain words, before its answer arrives.
    """

    def __init__(self) -> None:
        self.losing: Iterator[bool] = iter(())
        self.then: dict[str, Callable[[], object]] = {}

    def run(self, script: str, receive: Receive, deadline: Deadline, mode: Mode = ASKED) -> Ended:
        ended = Local().run(script, receive, deadline, mode)
        for words in [words for words in self.then if words in script]:
            self.then.pop(words)()
        return Ended(None) if next(self.losing, False) else ended
