"""The validation of a week: millions of rows, gigabytes of logs; beside its SQL in psql and `grep -c` by hand."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy import simulation, windows
from deploy.ask import ask
from deploy.checklists.item import Item
from deploy.probes.logreview import SCRIPT
from deploy.probes.logs import Levels
from deploy.question import Answer, Output, Question, Shell, Sql, Unanswered
from deploy.sandbox.private import require_space
from deploy.sandbox.sandbox import Sandbox
from deploy.scope import Scope
from deploy.session import Session
from scripts.benchmark import heard, rows, typed
from scripts.benchmark.figures import Figure, Pair, spread
from scripts.benchmark.lines import Logs
from scripts.benchmark.place import Broken, Place, timed
from scripts.benchmark.prereqs import Listening
from scripts.benchmark.serverlog import ServerLog

WINDOW, HOURS, REVIEW = "7d", 170, "log-review"
AIM, COUNTED = 1.2, 1.5
MANY, LARGE = 1_000_000, 1_000_000_000  # rows, and bytes of logs: with less, starting a process is all that is measured
LATE = "timed out"
LEVELS, PATHS = ("ERROR", "CRITICAL"), ("{shared}/logs/extraction.log*",)
SHORT = 3  # times as many pairs of what takes less than a second
MORE = 10_000_000  # bytes of the second review
ROW = 2_000  # bytes of the volume for a row, with indexes and write-ahead log
MOVES = re.compile(r"\b(random|now)\(\)|pg_stat_statements")  # answers that differ from one look to the next
WHOLE = (
    "the whole command `invoke validate.post --window=7d` on {rows:,} rows and {size:.2f} GB of logs, of which nothing"
    " was reviewed before, beside the database's own time: what its server notes (log_duration) for the same statements"
    " with the same parameters in `psql`, one process after the other, and for the engine's dashboard, which the"
    " checklist asks as well. Ours asks database, dashboard and logs at the same time. All rows were equal, but where a"
    " statement says now() or random(). By hand is all of that, the other commands, and `grep -cE` for each level."
)
COUNT = (
    "lines of {levels} in {size:.2f} GB of logs: the probe logs.levels over the week, with a shell of its own, beside"
    " one `grep -cE '{pattern}'` on the same files. Ours tells the levels apart, by message; the counts were equal."
)
FULL = (
    "logs.review of all {size:.2f} GB (levels, sources, templates, secrets, personal data) beside `grep -cE` for each"
    " level: {speed}. Its counts were those of grep."
)
AGAIN = "logs.review after {more:,} bytes more, beside that of everything just before. It read {more:,} bytes."


@dataclass(frozen=True)
class Week:
    """A deployed sandbox that has worked for a week, as it tells."""

    place: Place
    session: Session
    logs: Logs
    server: ServerLog
    rows: int

    def __post_init__(self) -> None:
        assert isinstance(self.session.site, Listening)


def measure(place: Place, runs: int, rows: int, gigabytes: float) -> list[Figure]:
    """Broken when an answer or a count differs, or was not to be had in time."""
    week = prepared(place, rows, gigabytes)
    return [*reviews(week, runs), count(week, runs), whole(week, runs)]


def prepared(place: Place, wanted: int, gigabytes: float) -> Week:
    """The practice engine, deployed a week ago, with so many rows and logs since then."""
    server = Sandbox(place.folder).postgres
    require_space(server.folder, int(wanted * ROW + gigabytes * 1e9))
    say("deploying")
    place.python("-m", "invoke", "deploy.local")
    session = place.session(Listening)
    simulation.pretend(session, HOURS, "silent")
    say(f"{wanted:,} rows and {gigabytes:g} GB of logs")
    made = rows.fill(server.url("engine"), wanted, timedelta(hours=HOURS))
    logs = Logs(Path(session.layout.shared) / "logs")
    logs.write(int(gigabytes * 1e9), timedelta(hours=HOURS))
    return Week(place, session, logs, ServerLog.begun(server), made)


def say(what: str) -> None:
    sys.stderr.write(f"  {what} ...\n")


def noted(name: str, pair: Pair) -> Pair:
    """The pair, which is also told as it comes, for all of them take half an hour."""
    sys.stderr.write(f"  {name}: {pair.ours:.2f} s / {pair.bare:.2f} s = {pair.ratio:.2f}\n")
    return pair


# The whole validation


def whole(week: Week, runs: int) -> Figure:
    """The command, and the same by hand, in turns."""
    parts: dict[str, list[float]] = {}
    late: dict[str, None] = {}
    pairs = []
    for number in range(runs):
        say(f"validation {number + 1} of {runs}")
        pairs.append(noted(f"validate.post {WINDOW}", validated(week, parts, late)))
    how = WHOLE.format(rows=week.rows, size=week.logs.size / 1e9)
    how += f" Given up by ours, for they took too long: {', '.join(late)}." if late else ""
    return Figure("validate.post 7d", how, pairs, AIM if week.rows >= MANY else None, parts)


def require_equal(question: Sql, answer: Answer | Unanswered, told: tuple[int, str]) -> None:
    """Broken where psql tells something else; of an answer that moves, where it has another number of lines."""
    if isinstance(answer, Unanswered):
        same = told[0] != 0  # what the server refuses, it refuses both
    elif any(map(MOVES.search, question.statements)):
        same = typed.as_typed(answer)[1].count("\n") == told[1].count("\n")
    else:
        same = typed.as_typed(answer) == told
    if not same:
        raise Broken(f"answers differ for {question}:\nours  {answer}\ntyped {told}")


def validated(week: Week, parts: dict[str, list[float]], late: dict[str, None]) -> Pair:
    """The command, with nothing reviewed yet, then everything by hand. Broken where rows differ."""
    forget(week)
    week.server.seconds()
    out = week.place.folder / "heard"
    words = ["-m", "scripts.benchmark.heard", str(out), "validate.post", f"--window={WINDOW}"]
    ours = week.place.python(*words, legal=(0, 6))
    busy, both = week.server.seconds(), heard.read(out)
    late.update(dict.fromkeys(name(q) for q, answer in both if isinstance(answer, Unanswered) and LATE in answer.why))
    psql = by_psql(week, [(question, answer) for question, answer in both if isinstance(question, Sql)])
    others = typed_out(week, [q for q, _ in both if not isinstance(q, Sql) and not reviews_logs(q)])
    own = week.server.seconds()
    grep = by_hand(week)
    took = {"by hand: psql": psql, "by hand: other commands": others, "by hand: grep -cE": grep}
    took |= {"by hand: all": psql + others + grep, "ours: the database's own time": busy}
    for part, seconds in took.items():
        parts.setdefault(part, []).append(seconds)
    return Pair(ours, own)


def by_psql(week: Week, asked: Sequence[tuple[Sql, Answer | Unanswered]]) -> float:
    questions = [question for question, _ in asked]
    with TemporaryDirectory(prefix="pipeline-deploy-typed-") as folder:
        took = typed.run(typed.script(questions, week.session.site, Path(folder)))
        for (question, answer), told in zip(asked, typed.answers(questions, Path(folder)), strict=True):
            require_equal(question, answer, told)
    return took


def typed_out(week: Week, questions: Sequence[Question]) -> float:
    with TemporaryDirectory(prefix="pipeline-deploy-typed-") as folder:
        return typed.run(typed.script(questions, week.session.site, Path(folder)))


def name(question: Question) -> str:
    """A question in a few words."""
    text = question.script if isinstance(question, Shell) else str(question)
    return " ".join(text.split())[-80:]


def reviews_logs(question: Question) -> bool:
    return isinstance(question, Shell) and question.script.endswith(SCRIPT.read_text(encoding="utf-8"))


def by_hand(week: Week) -> float:
    """Count the lines of each level, one after the other."""
    return sum(timed(week.logs.grep([level]), week.place.variables()) for level in LEVELS)


def forget(week: Week) -> None:
    """Have no log reviewed yet."""
    for kept in (Path(week.session.layout.control) / "logs").glob("*"):
        kept.unlink()


# The logs alone


def count(week: Week, runs: int) -> Figure:
    item = replace(review_item(week), probe=Levels(paths=PATHS, at_most=dict.fromkeys(LEVELS, 0)), signoff=False)
    counts = ", ".join(f"{week.logs.count(level)} {level}" for level in LEVELS)
    pairs = [noted("lines by level", counted(week, item, counts)) for _ in range(SHORT * runs)]
    form = {"levels": " and ".join(LEVELS), "pattern": "|".join(LEVELS), "size": week.logs.size / 1e9}
    return Figure("lines by level", COUNT.format(**form), pairs, COUNTED if week.logs.size >= LARGE else None)


def counted(week: Week, item: Item, wanted: str) -> Pair:
    began = time.monotonic()
    (result,) = ask([item], week.session.site, scope(week))
    ours = time.monotonic() - began
    if result.found != wanted:
        raise Broken(f"counts differ: {result.found} by us, {wanted} by grep")
    return Pair(ours, timed(week.logs.grep(LEVELS), week.place.variables()))


def reviews(week: Week, runs: int) -> list[Figure]:
    """A review of everything, and one of what came later, in turns."""
    size, full, again, more = week.logs.size, [], [], 0
    for _ in range(runs):
        forget(week)
        first = reviewed(week, size)
        full.append(noted("review of logs", Pair(first, by_hand(week))))
        more = week.logs.more(MORE)
        again.append(noted("review, 10 MB later", Pair(reviewed(week, more), first)))
        week.logs.cut(more)
    speed = spread([size / pair.ours / 1e6 for pair in full]).text("MB/s")
    return [
        Figure("review of logs", FULL.format(size=size / 1e9, speed=speed), full),
        Figure("review, 10 MB later", AGAIN.format(more=more), again),
    ]


def reviewed(week: Week, size: int) -> float:
    """The seconds; Broken when it read another number of bytes, or counted otherwise than grep."""
    site = week.session.site
    assert isinstance(site, Listening)
    began = time.monotonic()
    ask([review_item(week)], site, scope(week))
    took = time.monotonic() - began
    (answer,) = site.answered
    if not isinstance(answer, Output):
        raise Broken(f"the logs were not reviewed: {answer}")
    words = [line.split("\t") for line in answer.out.splitlines()]
    read = sum(int(row[1]) for row in words if row[0] == "read")
    levels = {row[1]: int(row[2]) for row in words if row[0] == "level"}
    told = {level: week.logs.count(level) for level in LEVELS}
    if read != size or {level: levels.get(level, 0) for level in LEVELS} != told:
        raise Broken(f"read {read} of {size} bytes, counted {levels} instead of {told}")
    return took


def review_item(week: Week) -> Item:
    return week.session.checklist.by_id[REVIEW]


def scope(week: Week) -> Scope:
    """Over the time since the deployment."""
    journal = windows.owing(week.session)
    assert journal
    return week.session.of(journal).scope()
