"""A record comes back from JSON equal, or is refused with its field."""

import json
import re
from dataclasses import dataclass

import pytest
from entries import completion, entry

from nnloop.json_record import Record
from nnloop.records import Costs, Counts, Entry, Interval, NoveltyVerdict, Status, TrialResult

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


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"candidate": 3}, "Entry.candidate: 3 is no str"),
        ({"admitted": "yes"}, 'Entry.admitted: "yes" is no bool'),
        ({"status": "fine"}, 'Entry.status: "fine" is none of ok, '),
        ({"salvaged": "imports"}, 'Entry.salvaged: "imports" is no list'),
        ({"salvaged": [1]}, "Entry.salvaged: 1 is no str"),
        ({"result": [1, 2]}, "TrialResult: [1, 2] is no object"),
        ({"result": {"status": "ok", "params": "10"}}, 'TrialResult.params: "10" is no int'),
        ({"result": {"status": "ok", "params": True}}, "TrialResult.params: true is no int"),
        ({"result": {"status": "ok", "params": 1.5}}, "TrialResult.params: 1.5 is no int"),
        ({"result": {"status": "ok", "val_accuracy": None, "curve": [[1, "a"]]}}, 'TrialResult.curve: "a" is no float'),
        ({"result": {"reason": "no status"}}, "TrialResult lacks status"),
        ({"verdict": None}, "Entry has no field verdict"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_its_record_and_field(change: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}"):
        Entry.from_json(ENTRY.to_json() | change)


def test_a_float_may_be_written_as_an_integer() -> None:
    assert Interval.from_json({"value": 1, "low": 0, "high": 1}) == Interval(1.0, 0.0, 1.0)


def test_a_tuple_comes_back_as_one() -> None:
    @dataclass(frozen=True, slots=True)
    class Means(Record):
        channels: tuple[float, ...]
        names: dict[str, int]

    means = Means((0.5, 0.25), {"a": 1})
    assert Means.from_json(json.loads(means.line())) == means
    with pytest.raises(ValueError, match=r"^Means.names: \[\] is no object$"):
        Means.from_json({"channels": [], "names": []})
