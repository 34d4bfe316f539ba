import pytest

from deploy.checklists.person import is_person


@pytest.mark.parametrize("name", ["Ada", "Ada Lovelace (acting)", "ada@example.org", "Data team", "王芳", "Ng"])
def test_people(name: str) -> None:
    assert is_person(name)


@pytest.mark.parametrize(
    "name", ["", " ", "?", "TODO", "tbd.", "N/A", "<name>", "[Your name]", "your name", "xxx", "X", "nobody", "12345"]
)
def test_placeholders(name: str) -> None:
    assert not is_person(name)
