"""dataset=pool: the settings of several datasets in one search."""

import pytest

from nnloop.errors import SettingsError
from nnloop.settings.checks import check
from nnloop.settings.keys import affects
from nnloop.settings.members import members, only


def test_a_search_without_a_pool_has_one_unnamed_member(configure) -> None:
    settings = configure("dataset=digits")
    assert members(settings) == {"": settings}


def test_the_members_have_their_own_values_and_thresholds(configure) -> None:
    pool = configure("dataset=pool", "dataset.sets=[mnist,digits]", "dataset.of.mnist.train_limit=500")
    assert list(members(pool)) == ["mnist", "digits"]
    assert [one.admission.min_accuracy for one in members(pool).values()] == [0.97, 0.82]
    assert members(pool)["mnist"].dataset.train_limit == 500
    assert pool.dataset.title == "MNIST, Digits"
    same = configure("dataset=pool", "dataset.sets=[mnist,digits]", "admission.min_accuracy=0.4")
    assert [one.admission.min_accuracy for one in members(same).values()] == [0.4, 0.4]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("dataset.sets=[digits,letters]", "dataset.sets=letters: must be of celeba, cifar10"),
        ("dataset.sets=[digits,digits]", "dataset.sets=digits: is named twice"),
        ("dataset.sets=[]", r"dataset.sets=\[\]: must name at least one"),
        ("dataset.of.mnist.train_limit=3", "dataset.of.mnist.train_limit=3: must lie between"),
    ],
)
def test_a_pool_that_can_not_be_is_refused_by_its_key(given: str, told: str, configure) -> None:
    with pytest.raises(SettingsError, match=told):
        check(configure("dataset=pool", given))


def test_a_job_that_takes_one_dataset_names_those_of_the_pool(configure) -> None:
    with pytest.raises(SettingsError, match="dataset=pool: job=search takes one dataset; must be one of mnist, digits"):
        only(configure("dataset=pool", "dataset.sets=[mnist,digits]"))


def test_a_members_key_affects_what_the_datasets_own_does() -> None:
    for key in ("root", "flip", "train_limit", "min_accuracy"):
        assert affects(f"dataset.of.mnist.{key}") is affects(f"dataset.{key}")
