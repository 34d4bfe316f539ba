from pathlib import Path

from deploy import folders


def test_choices_of_the_file_count_where_the_environment_is_silent(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("\ufeffDEPLOY_SYSTEM='one'\r\nexport DEPLOY_ENV=staging\nDEPLOY_STATE=\nDEPLOY_X=a\nSECRET=b\n")
    environ = {"DEPLOY_ENV": "prod", "HOME": "/"}
    folders.choose(environ, path)
    assert environ == {"DEPLOY_ENV": "prod", "HOME": "/", "DEPLOY_SYSTEM": "one", "DEPLOY_X": "a"}


def test_no_file_and_a_file_without_choices_leave_the_environment_as_it_is(tmp_path: Path) -> None:
    environ = {"HOME": "/"}
    folders.choose(environ, tmp_path / ".env")
    (tmp_path / ".env").write_text("SECRET=b\n")
    folders.choose(environ, tmp_path / ".env")
    assert environ == {"HOME": "/"}
