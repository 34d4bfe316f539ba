from __future__ import annotations

from pathlib import Path

import pytest

from deploy.probes.files import Exists, Free, Mode, mode_of, space
from deploy.question import Output, Shell

from .asking import FAIL, PASS, UNKNOWN, Situation, ask_shell, asked, check, check_without_tools

FULL, EMPTY, GONE, LINK = "{root}/full", "{root}/empty", "{root}/gone", "{root}/dangling"
CLOSED, FOLDER, BARE = "{root}/closed/file", "{root}/folder", "{root}/bare"

SITUATIONS = [
    Situation("files.exists", "holds", PASS, {"paths": [FULL, FOLDER]}),
    Situation("files.exists", "holds-though-empty", PASS, {"paths": [EMPTY, BARE], "non_empty": False}),
    Situation("files.exists", "fails", FAIL, {"paths": [FULL, GONE]}),
    Situation("files.exists", "fails-empty", FAIL, {"paths": [EMPTY]}),
    Situation("files.exists", "fails-empty-folder", FAIL, {"paths": [BARE]}),
    Situation("files.exists", "fails-dangling", FAIL, {"paths": [LINK]}),
    Situation("files.exists", "missing", UNKNOWN, {"paths": [GONE]}, without=("dirname",)),
    Situation("files.exists", "missing-ls", UNKNOWN, {"paths": [FOLDER]}, without=("ls",)),
    Situation("files.exists", "denied", UNKNOWN, {"paths": [CLOSED]}, as_nobody=True),
    Situation("files.exists", "denied-folder", UNKNOWN, {"paths": ["{root}/closed"]}, as_nobody=True),
    Situation("files.mode", "holds", PASS, {"paths": [FULL], "at_most": "0640"}),
    Situation("files.mode", "fails", FAIL, {"paths": [FULL, EMPTY], "at_most": "0640"}),
    Situation("files.mode", "missing", UNKNOWN, {"paths": [FULL], "at_most": "0640"}, without=("ls",)),
    Situation("files.mode", "missing-file", UNKNOWN, {"paths": [GONE], "at_most": "0640"}),
    Situation("files.mode", "denied", UNKNOWN, {"paths": [CLOSED], "at_most": "0640"}, as_nobody=True),
    Situation("files.writable", "holds", PASS, {"paths": [FULL, FOLDER]}),
    Situation("files.writable", "fails", FAIL, {"paths": [FOLDER]}, as_nobody=True),
    Situation("files.writable", "fails-not-there", FAIL, {"paths": [GONE]}),
    Situation("files.writable", "missing", UNKNOWN, {"paths": [GONE]}, without=("dirname",)),
    Situation("files.writable", "denied", UNKNOWN, {"paths": [CLOSED]}, as_nobody=True),
    Situation("files.contains", "holds", PASS, {"path": FULL, "matches": "^model: claude"}),
    Situation("files.contains", "holds-absent", PASS, {"path": FULL, "matches": r"\[name\]", "absent": True}),
    Situation("files.contains", "fails", FAIL, {"path": FULL, "matches": "^colour:"}),
    Situation("files.contains", "fails-absent", FAIL, {"path": FULL, "matches": "claude", "absent": True}),
    Situation("files.contains", "unknown-empty", UNKNOWN, {"path": EMPTY, "matches": "x", "absent": True}),
    Situation("files.contains", "missing", UNKNOWN, {"path": FULL, "matches": "x"}, without=("cat",)),
    Situation("files.contains", "denied", UNKNOWN, {"path": CLOSED, "matches": "x", "absent": True}, as_nobody=True),
    Situation("files.same", "holds", PASS, {"paths": [FULL, "{root}/copy"]}),
    Situation("files.same", "fails", FAIL, {"paths": [FULL, EMPTY]}),
    Situation("files.same", "missing", UNKNOWN, {"paths": [FULL, EMPTY]}, without=("cmp",)),
    Situation("files.same", "unknown-not-there", UNKNOWN, {"paths": [FULL, GONE]}),
    Situation("files.same", "denied", UNKNOWN, {"paths": [EMPTY, CLOSED]}, as_nobody=True),
    Situation("files.free", "holds", PASS, {"path": "{root}/not/yet/made", "above": 0.01}),
    Situation("files.free", "fails", FAIL, {"path": "{root}", "above": 100}),
    Situation("files.free", "missing", UNKNOWN, {"path": "{root}", "above": 1}, without=("df",)),
    Situation("files.free", "denied", UNKNOWN, {"path": CLOSED, "above": 1}, as_nobody=True),
]


@pytest.fixture(scope="module")
def files(place: Path) -> Path:
    for name, text, mode in (
        ("full", "model: claude\n", 0o640),
        ("copy", "model: claude\n", 0o644),
        ("empty", "", 0o644),
    ):
        (place / name).write_text(text)
        (place / name).chmod(mode)
    (place / "dangling").symlink_to("nowhere")
    (place / "folder").mkdir()
    (place / "folder" / "file").touch()
    (place / "bare").mkdir()
    (place / "closed").mkdir()
    (place / "closed" / "file").write_text("secret\n")
    (place / "closed").chmod(0o700 if place.owner() == "root" else 0)
    return place


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, files: Path) -> None:
    (question,) = asked(situation.made(), situation.scope(str(files)))
    assert isinstance(question, Shell)
    check(situation, [ask_shell(situation, question, files)], files)
    check_without_tools(situation, question, files)


@pytest.mark.parametrize(
    ("line", "mode"),
    [
        ("-rw-r-----", 0o640),
        ("drwxr-xr-x.", 0o755),
        ("-rwsr-x--T+", 0o5750),
        ("-rw-r-Sr--", 0o2644),
        ("drwxrwxrwt", 0o1777),
    ],
)
def test_modes_are_read_from_ls(line: str, mode: int) -> None:
    assert mode_of(f"{line} 1 root root 5 Nov 23 01:00 file") == mode


def test_a_mode_with_set_uid_is_more_than_its_permission_bits() -> None:
    output = Output(0, "-rwsr-xr-x 1 root root 5 Nov 23 01:00 f\t/f\n")
    assert Mode(paths=("/f",), at_most="0755").judge(output).status is FAIL


def test_space_of_a_volume_with_blanks_in_its_name() -> None:
    text = "Filesystem 1024-blocks Used Available Capacity Mounted on\nmy disk 100 40 50 45% /Volumes/my disk\n"
    assert space(Output(0, text)) == (40 * 1024, 50 * 1024)


def test_a_full_disk_is_none_free_and_odd_answers_are_unknown() -> None:
    head = "Filesystem 1024-blocks Used Available Capacity Mounted on\n"
    free = Free(path="/", above=10)
    assert free.judge(Output(0, f"{head}/dev/a 100 105 -5 106% /\n")).status is FAIL
    assert free.judge(Output(0, f"{head}none 0 0 0 - /\n")).status is UNKNOWN
    assert free.judge(Output(0, "")).status is UNKNOWN


def test_no_answer_about_any_path_is_unknown() -> None:
    assert Exists(paths=("/a",)).judge(Output(0, "")).status is UNKNOWN
