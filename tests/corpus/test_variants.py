"""Variants of seeds: single edits, which make short pairs."""

from dataclasses import replace

from edits import BASE

from nnloop import corpus
from nnloop.corpus import variants
from nnloop.records import Network, candidate_id


def test_the_networks_take_turns_and_an_edit_depends_on_its_network_and_number_alone() -> None:
    seeds = corpus.seeds()
    made = variants.edited(seeds, 50)
    assert [one.variant_of for one in made] == [seed.id for seed in [*seeds, *seeds[: 50 - len(seeds)]]]
    assert {one.id for one in variants.edited(seeds[3:4], 2)} == {
        one.id for one in variants.edited(seeds, 68) if one.variant_of == seeds[3].id
    }
    assert len({one.id for one in [*made, *seeds]}) == len(made) + len(seeds)
    assert all(one.id == candidate_id(one.code) for one in made)


def test_networks_in_another_idiom_have_no_variants() -> None:
    other = Network(candidate_id("class Net: pass"), "class Net: pass", "other")
    assert variants.edited([other], 5) == []
    assert variants.edited([], 5) == []
    assert variants.edited([replace(other, code=BASE)], 0) == []
