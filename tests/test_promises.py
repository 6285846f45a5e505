"""Every promise of docs/promises.md names a test that exists, and the pages that promise point to it."""

import re

import pytest
from paths import ROOT

ROWS = re.findall(r"^\| (.+) \| `(tests/\S+?\.py)::(test_\w+)` \|$", (ROOT / "docs/promises.md").read_text(), re.M)


@pytest.mark.parametrize(("promise", "file", "test"), ROWS, ids=[row[2] for row in ROWS])
def test_a_promise_is_held_by_a_test_that_exists(promise: str, file: str, test: str) -> None:
    assert re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.M)


def test_every_row_is_a_promise_with_its_test() -> None:
    lines = [line for line in (ROOT / "docs/promises.md").read_text().splitlines() if line.startswith("| ")]
    assert len(lines) - 1 == len(ROWS) == len({promise for promise, _, _ in ROWS})


def test_what_the_wall_promises_points_to_its_tests() -> None:
    for page in ("docs/scores.md", "nnloop/sandbox/__init__.py"):
        assert "promises.md" in (ROOT / page).read_text()
