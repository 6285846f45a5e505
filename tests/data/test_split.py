"""Splits: stratified, fixed by the seed, and no larger than asked for."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from recipes import dataset_settings

from nnloop.data.arrays import part
from nnloop.data.dataset import Part, Raw
from nnloop.data.split import split, stratified
from nnloop.settings import DatasetSettings


def numbered(count: int, classes: int) -> Part:
    return part(np.zeros((count, 1, 1, 1), np.uint8), np.arange(count) % classes)


def cut(**changes: Any) -> DatasetSettings:
    """Settings of a split that cuts a tenth off for validation."""
    return replace(dataset_settings(), **{"val_fraction": 0.1, "split_seed": 0} | changes)


def test_stratified_gives_exactly_the_count() -> None:
    labels = np.array([0] * 7 + [1] * 5 + [2] * 1, dtype=np.int64)
    for count in range(14):
        assert len(set(stratified(labels, count, seed=1))) == count


def test_stratified_keeps_the_shares_of_the_classes_and_the_rising_order() -> None:
    labels = np.array([0] * 60 + [1] * 30 + [2] * 10, dtype=np.int64)
    indices = stratified(labels, 20, seed=1)
    assert np.bincount(labels[indices]).tolist() == [12, 6, 2]
    assert indices.tolist() == sorted(indices)


def test_a_validation_set_is_cut_off_and_nothing_is_lost() -> None:
    parts = split(Raw(numbered(200, 10), numbered(50, 10)), cut())
    assert sorted([*parts.train.indices, *parts.val.indices]) == list(range(200))
    assert [*parts.test.indices] == list(range(50))
    assert [*np.bincount(parts.val.labels)] == [2] * 10


def test_the_seed_alone_decides_the_split() -> None:
    raw = Raw(numbered(200, 10), numbered(50, 10))
    first, again, other = (split(raw, cut(split_seed=seed)).val.indices.tolist() for seed in (0, 0, 1))
    assert (first == again, first == other) == (True, False)


def test_an_official_validation_set_is_taken_as_it_is() -> None:
    parts = split(Raw(numbered(200, 2), numbered(50, 2), numbered(30, 2)), cut(val_fraction=None))
    assert [len(subset.indices) for subset in (parts.train, parts.val, parts.test)] == [200, 30, 50]


@pytest.mark.parametrize("val", [None, 30])
def test_limits_take_a_stratified_part_of_everything(val: int | None) -> None:
    raw = Raw(numbered(300, 2), numbered(50, 2), None if val is None else numbered(val, 2))
    parts = split(raw, cut(val_fraction=0.1 if val is None else None, train_limit=100, test_limit=20))
    assert len(parts.train.indices) + len(parts.val.indices) == 100
    assert len(parts.val.indices) == (10 if val is None else 9)
    for subset in (parts.train, parts.val, parts.test):
        zeros, ones = np.bincount(subset.labels)
        assert abs(zeros - ones) <= 1
    assert len(parts.test.indices) == 20


def test_a_set_without_an_official_validation_set_needs_a_fraction() -> None:
    with pytest.raises(ValueError, match="needs a fraction"):
        split(Raw(numbered(20, 2), numbered(5, 2)), cut(val_fraction=None))
