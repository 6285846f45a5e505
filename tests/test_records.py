"""Records survive JSON, and a network's id ignores what a network is not."""

import json

import pytest
from entries import completion, entry

from nnloop.records import Costs, Counts, Entry, Interval, NoveltyVerdict, Status, TrialResult, candidate_id

RESULT = TrialResult(Status.OK, val_accuracy=0.5, params=10)
NOVELTY = NoveltyVerdict(True, 0.2, "x", 0.9)
ENTRY = entry("id", result=RESULT, novelty=NOVELTY, admitted=True, selected=True, facts={"cycle": 3, "slot": 1})
COMPLETION = completion("answer", "text\ud800", slot=1, adapter="adapter", truncated=True)
COUNTS = Counts(generated=4, distinct=2, admitted=2, admitted_total=7, selected=1, duplicates=1)
COSTS = Costs(seconds={"total": 8.0}, tokens=40, prompt_tokens=400, peak_bytes=99)


@pytest.mark.parametrize(
    "record", [RESULT, ENTRY, COMPLETION, COUNTS, COSTS, Interval(0.1, 0.0, 1.0)], ids=lambda one: type(one).__name__
)
def test_a_record_comes_back_from_json_equal(record) -> None:
    assert type(record).from_json(json.loads(record.line())) == record


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
