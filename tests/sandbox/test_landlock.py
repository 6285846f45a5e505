"""Landlock: only the paths of a rule are left, with the rights of the rule."""

from pathlib import Path

import pytest
from sandboxes import alone
from trials import linux

from nnloop.sandbox import landlock

pytestmark = [linux, pytest.mark.skipif(landlock.version() == 0, reason="this kernel has no Landlock")]

CODE = """
    from nnloop.sandbox import kernel, landlock
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    landlock.apply([{rules}])

    def attempt(path, mode):
        try:
            open(path, mode).close()
            return "opened"
        except OSError as error:
            return type(error).__name__

    print(*(attempt(path, mode) for path, mode in {attempts}))
"""


def attempts(rules: str, *paths: tuple[Path, str]) -> list[str]:
    return alone(CODE.format(rules=rules, attempts=[(str(path), mode) for path, mode in paths])).split()


def test_only_paths_below_a_rule_can_be_opened_and_only_as_it_says(tmp_path: Path) -> None:
    for name in ("read/file", "write/file", "other/file"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("")
    rules = f"({str(tmp_path / 'read')!r}, landlock.READ), ({str(tmp_path / 'write')!r}, landlock.WRITE)"
    asked = [(tmp_path / name / "file", mode) for name in ("read", "write", "other") for mode in ("r", "w")]
    assert attempts(rules, *asked) == ["opened", "PermissionError", "opened", "opened", *["PermissionError"] * 2]


def test_a_rule_for_a_path_that_does_not_exist_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    rules = f'("/no/such/path", landlock.READ), ({str(tmp_path / "file")!r}, landlock.READ)'
    assert attempts(rules, (tmp_path / "file", "r")) == ["opened"]
