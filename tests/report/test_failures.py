"""Statuses and reasons of failed answers."""

from dataclasses import replace
from pathlib import Path

from entries import generation
from fake_run import make_run

from nnloop.records import Entry, Status
from nnloop.report.failures import Reason, commonest_reasons, counted_apart, statuses


def failed(slot: int, status: Status, reason: str, **facts: int) -> Entry:
    return Entry(generation(slot, **facts), None, status, reason=reason)


ENTRIES = [
    failed(0, Status.PATCH_FAILED, "the source has no line 'x = 1': line 10 is 'it\\'s'"),
    failed(1, Status.PATCH_FAILED, "the source has no line 'y': line 9 is \"a 'b'\""),
    failed(2, Status.UNPARSEABLE, "no diff in the answer"),
    failed(3, Status.TRUNCATED, "cut after 7 tokens"),
    failed(4, Status.TRUNCATED, "cut after 8 tokens"),
    failed(5, Status.TRUNCATED, "cut after 9 tokens"),
    failed(6, Status.CRASHED, ""),
    failed(7, Status.CRASHED, "a retry", retry_of=6),
]


def test_statuses_are_those_of_first_answers_the_commonest_first() -> None:
    assert statuses(ENTRIES) == [("truncated", 3), ("patch_failed", 2), ("crashed", 1), ("unparseable", 1)]


def test_reasons_that_differ_in_what_they_quote_are_one_kind() -> None:
    assert commonest_reasons(ENTRIES, 2) == [
        Reason("truncated", "cut after 7 tokens", 3, ENTRIES[3:6]),
        Reason("patch_failed", ENTRIES[0].reason, 2, ENTRIES[:2]),
    ]
    assert len(commonest_reasons(ENTRIES, 9)) == 3


def test_what_is_counted_apart_is_said_where_there_is_any(tmp_path: Path) -> None:
    report = make_run(tmp_path / "run", cycles=1).reports()[0]
    assert counted_apart([report]) == ""
    counts = replace(report.counts, truncated=2, looped=1, salvaged=4, rewrites=3)
    assert counted_apart([replace(report, counts=counts)] * 2) == (
        "4 cut off by the token limit (llm.max_new_tokens), 2 ended as a loop (llm.max_repeats), 8 read by a salvage,"
        " 6 of these whole programs instead of diffs"
    )
