from dataclasses import replace
from typing import Any

import pytest
from entries import generation

from nnloop import measures
from nnloop.measures import COMPARED, COUNTED, ESTIMATED, Measure
from nnloop.records import Entry, NoveltyVerdict, Status, TrialResult


def entry(slot: int, accuracy: float | None, **more: Any) -> Entry:
    """A first answer, valid if it has an accuracy."""
    status = Status.CRASHED if accuracy is None else Status.OK
    result = TrialResult(status, val_accuracy=accuracy, test_accuracy=accuracy and accuracy - 0.1)
    verdict = NoveltyVerdict(True, 0.5 + slot / 10, None, 0.9)
    return replace(
        Entry(generation(slot, tokens=10 + slot, prompt_tokens=100 + slot), f"n{slot}", status, "", result, verdict),
        **more,
    )


RETRY = replace(entry(3, 0.9, admitted=True), generation=generation(3, tokens=13, prompt_tokens=103, retry_of=1))
ENTRIES = [
    entry(0, 0.4, selected=True),
    entry(1, None, salvaged=["fences"]),
    entry(2, 0.4, status=Status.DUPLICATE),
    RETRY,
    entry(4, 0.6, admitted=True),
]
TOKENS = [one.generation.tokens for one in ENTRIES]
VALUES = {
    measures.VALID: 3 / 4,
    measures.MEAN: 0.5,
    measures.MEAN_OF_ALL: (0.4 + 0.4 + 0.6) / 4,
    measures.BEST: 0.9,
    measures.TEST_OF_BEST: 0.8,
    measures.ABOVE: 1 / 2,
    measures.ADMITTED: 2,
    measures.DISTINCT: 2,
    measures.JACCARD: (0.5 + 0.9) / 2,
    measures.TOKENS_PER_ADMITTED: sum(TOKENS) / 2,
    measures.TOKENS: sum(TOKENS),
    measures.PROMPT_TOKENS: sum(one.generation.prompt_tokens for one in ENTRIES),
    measures.TOKENS_EACH: sum(TOKENS[:3] + TOKENS[4:]) / 4,
    measures.GENERATED: 4,
    measures.SELECTED: 1,
    measures.DUPLICATES: 1,
}


@pytest.mark.parametrize("measure", VALUES, ids=lambda measure: measure.name)
def test_a_measure_is_what_its_name_and_denominator_say(measure: Measure) -> None:
    assert measure.read(ENTRIES, 0.5) == pytest.approx(VALUES[measure])


def test_retries_and_salvaged_answers_are_counted_apart() -> None:
    counts = {measure.name: measure.read(ENTRIES) for measure in COUNTED}
    assert (counts["retries"], counts["retries_valid"], counts["salvaged"]) == (1, 1, 1)


def test_only_what_has_an_interval_is_estimated_and_its_value_is_the_measure() -> None:
    for measure in ESTIMATED:
        estimate = measure.estimate(ENTRIES, 0.5)
        assert estimate is not None
        assert estimate.value == pytest.approx(VALUES[measure])
        assert estimate.low < estimate.value < estimate.high


def test_nothing_has_no_mean_no_rate_and_no_best_but_a_total_of_0() -> None:
    for measure in COMPARED:
        total = measure.kind is measures.Kind.TOTAL
        assert measure.read([]) == (0 if total else None)
    assert measures.MEAN.estimate([]) is measures.ABOVE.estimate([entry(0, None)]) is None
    assert measures.TOKENS_PER_ADMITTED.read([entry(0, 0.4)]) is None


def test_the_first_of_equally_good_networks_is_the_best() -> None:
    best = measures.best_of([entry(0, None), entry(1, 0.6), entry(2, 0.6)])
    assert best is not None
    assert best.slot == 1


def test_every_compared_measure_is_explained() -> None:
    assert all(measure.meaning and measure.of.name for measure in COMPARED)
    assert [measure.heading for measure in (measures.VALID, measures.TOKENS)] == ["valid, %", "tokens"]
