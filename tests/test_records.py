"""A network's id ignores comments and formatting; a duplicate is as valid as its first."""

import pytest
from entries import entry

from nnloop.records import Entry, NoveltyVerdict, Status, TrialResult, candidate_id

RESULT = TrialResult(Status.OK, val_accuracy=0.5, params=10)
NOVELTY = NoveltyVerdict(True, 0.2, "x", 0.9)
ENTRY = entry("id", result=RESULT, novelty=NOVELTY, admitted=True, selected=True, facts={"cycle": 3, "slot": 1})


def test_comments_docstrings_and_formatting_do_not_change_the_id() -> None:
    plain = "class Net:\n    def f(self):\n        return 1\n"
    dressed = '"""D"""\n# comment\nclass Net:\n\n    """D"""\n    def f( self ):\n        """D"""\n        return (1)\n'
    assert candidate_id(plain) == candidate_id(dressed)


@pytest.mark.parametrize(
    "other", ["class Net:\n    def g(self):\n        return 1\n", "class Net:\n    def f(self):\n        return 2\n"]
)
def test_names_and_numbers_change_the_id(other: str) -> None:
    assert candidate_id("class Net:\n    def f(self):\n        return 1\n") != candidate_id(other)


def test_a_duplicate_of_a_valid_network_counts_as_valid() -> None:
    assert ENTRY.valid
    duplicate = Entry.from_json({**ENTRY.to_json(), "status": "duplicate"})
    assert duplicate.valid
    assert duplicate.val_accuracy == 0.5
