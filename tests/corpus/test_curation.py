"""Curation: no duplicates, no near ones, no family above its share, and the same choice again."""

from dataclasses import replace

from edits import BASE, seed_sources

from nnloop.corpus.curation import RatedSource, curate
from nnloop.settings import LemurCorpusSettings

LIMITS = LemurCorpusSettings(
    name="lemur",
    trials=None,
    limit=None,
    path=None,
    task="img-classification",
    dataset=None,
    metric="acc",
    epoch=1,
    min_accuracy=0.0,
    networks=10,
    family_share=1.0,
    max_chars=100_000,
)
OTHERS = seed_sources()


def test_of_a_network_that_is_one_but_for_numbers_the_most_accurate_stays() -> None:
    wider = BASE.replace("16", "24")
    assert curate(
        [RatedSource("a-1", BASE, 0.5), RatedSource("a-2", wider, 0.6), RatedSource("a-3", BASE, 0.4)], LIMITS
    ) == [RatedSource("a-2", wider, 0.6)]


def test_near_duplicates_of_a_family_are_left_out() -> None:
    long = BASE + "".join(f"\n\ndef helper{at}(x):\n    return x + x.mean({at}) * x{at}\n" for at in range(10))
    near = long.replace("self.head(x)", "self.head(x.relu())")
    assert len(curate([RatedSource("a-1", long, 0.5), RatedSource("a-2", near, 0.5)], LIMITS)) == 1
    assert len(curate([RatedSource("a-1", long, 0.5), RatedSource("b-2", near, 0.5)], LIMITS)) == 2


def test_no_family_has_more_than_its_share() -> None:
    sources = [RatedSource(f"{'abc'[at % 3] if at < 6 else 'a'}-{at}", code, 0.5) for at, code in enumerate(OTHERS)]
    chosen = curate(sources, replace(LIMITS, family_share=0.3))
    assert [source.family for source in chosen] == ["a", "a", "a", "b", "b", "c", "c"]


def test_accuracy_and_length_are_bounds() -> None:
    sources = [
        RatedSource("a-1", BASE, 0.5),
        RatedSource("b-1", OTHERS[0], 0.3),
        RatedSource("c-1", "x" * 10 + BASE * 99, 0.9),
    ]
    assert curate(sources, replace(LIMITS, min_accuracy=0.4, max_chars=10_000)) == sources[:1]


def test_what_is_no_python_is_left_out() -> None:
    assert curate([RatedSource("a-1", "class Net(", 0.5), RatedSource("a-2", "\0", 0.5)], LIMITS) == []


def test_the_choice_depends_on_the_networks_alone() -> None:
    sources = [RatedSource(f"a-{at}", code, at / 100) for at, code in enumerate(OTHERS)]
    few = replace(LIMITS, networks=5)
    assert curate(sources, few) == curate(sources[::-1], few)
