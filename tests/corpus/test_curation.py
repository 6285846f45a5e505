"""Curation: no duplicates, no near ones, no family above its share, and the same choice again."""

from dataclasses import replace

from edits import BASE, seed_sources

from nnloop.corpus.curation import NEAR, RatedSource, curate, variants
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
    variants=3,
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


def test_variants_are_near_equal_networks_of_the_family_and_the_chosen_take_turns() -> None:
    one, two = (
        BASE + "".join(f"\n\ndef helper{at}(x):\n    return x * {at}{base}\n" for at in range(20)) for base in "12"
    )
    near = [one.replace("self.head(x)", f"self.head(x + {width})") for width in range(17, 22)]
    far = one.replace("x *", "x +")
    chosen = [RatedSource("a-1", one, 0.5), RatedSource("b-1", two, 0.5)]
    sources = [
        *chosen,
        RatedSource("a-far", far, 0.5),
        RatedSource("b-near", two.replace("self.head(x)", "self.head(x + 1)"), 0.1),
    ]
    sources += [RatedSource(f"a-near{at}", code, 0.1) for at, code in enumerate(near)]
    found = [(near.name, of.name) for near, of in variants(sources, chosen, LIMITS)]
    assert [of for _, of in found] == ["a-1", "b-1", "a-1"]
    assert found[1][0] == "b-near"
    assert {name for name, _ in found} <= {"b-near", *(f"a-near{at}" for at in range(5))}
    assert variants(sources[::-1], chosen, LIMITS) == variants(sources, chosen, LIMITS)
    assert variants(sources, chosen, replace(LIMITS, variants=0)) == []
    assert variants(sources, chosen, replace(LIMITS, max_chars=10)) == []
    for near_one, of in variants(sources, chosen, LIMITS):
        own, other = set(near_one.code.split("\n")), set(of.code.split("\n"))
        assert NEAR <= len(own & other) / len(own | other) < 1
