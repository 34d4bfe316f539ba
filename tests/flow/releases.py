"""The application that the tests deploy: a git repository with good releases and bad ones, each a tag."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

APP = Path(__file__).parent / "app"

ADD_SCORE = "alter table place add column score int;\nalter table record add column note text;\n"
FAIL_HALF_WAY = 'if [ "$1" = 2 ]; then echo "the source is exhausted" >&2; exit 7; fi\n'
LOAD = (APP / "load.sh").read_text(encoding="utf-8")
LEAK = 'echo "$TINY_API_KEY"; echo "$PGPASSWORD" >&2; echo "$DATABASE_URL"\n'
ONLY_IN_PRODUCTION = """\
do $$ begin
  if current_database() not like '%scratch%' then raise exception 'the copy knew nothing of this'; end if;
end $$;
"""

# What each release changes in the first one's files.
RELEASES: Mapping[str, Mapping[str, str]] = {
    "v1": {},
    "v2": {"migrations/0002_score.sql": ADD_SCORE},
    "v3": {
        "migrations/0002_score.sql": ADD_SCORE,
        "migrations/0003_rank.sql": "alter table place add column rank int;\n",
    },
    "unfit": {"migrations/0002_unique.sql": "create unique index one_each on record (load_id, place);\n"},
    "moody": {"migrations/0002_score.sql": ADD_SCORE, "migrations/0003_moody.sql": ONLY_IN_PRODUCTION},
    "unhealthy": {"migrations/0002_score.sql": ADD_SCORE, "health.sh": "echo poorly\n"},
    "halfway": {
        "migrations/0002_score.sql": ADD_SCORE,
        "load.sh": FAIL_HALF_WAY + LOAD,
    },
    "leaky": {"load.sh": LEAK + "exit 7\n", "health.sh": LEAK},
    "chatty": {"load.sh": LEAK + LOAD, "health.sh": LEAK + "echo healthy\n"},
    "destructive": {
        "migrations/0002_nameless.sql": "alter table place drop column name;\n",
        "health.sh": "echo poorly\n",
    },
    "stuck": {"migrations/0002_score.sql": ADD_SCORE, "worker.sh": "exit 1\n"},
}


def make_repository(folder: Path) -> dict[str, str]:
    """A repository with a tag for each release; returns the release ids (short commits) by tag."""
    shutil.copytree(APP, folder)
    _git(folder, "init", "-q", "-b", "main")
    return {tag: _commit(folder, tag, changes) for tag, changes in RELEASES.items()}


def _commit(folder: Path, tag: str, changes: Mapping[str, str]) -> str:
    for path in [folder / "migrations", *(file for file in folder.iterdir() if file.is_file())]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(APP, folder, dirs_exist_ok=True)
    for name, text in {"VERSION": f"{tag}\n", **changes}.items():
        (folder / name).write_text(text, encoding="utf-8")
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "-m", tag)
    _git(folder, "tag", tag)
    return _git(folder, "rev-parse", "HEAD")[:12]


def _git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
    done = subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()
