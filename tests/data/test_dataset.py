"""The records of a dataset and of its parts."""

import numpy as np

from nnloop import data
from nnloop.data.arrays import part
from nnloop.data.dataset import Raw, Subset
from nnloop.settings import DatasetSettings


def test_the_facts_of_a_dataset_count_each_class_of_each_part(digits: DatasetSettings) -> None:
    dataset = data.load(digits)
    facts = dataset.facts()
    assert (facts["name"], facts["fingerprint"]) == ("digits", dataset.fingerprint)
    counts = facts["classes"]
    assert isinstance(counts, dict)
    assert [(name, sum(each), len(each)) for name, each in counts.items()] == [
        ("train", 1200, 10),
        ("val", 297, 10),
        ("test", 300, 10),
    ]


def test_sizes_leave_out_a_validation_set_that_is_not_official() -> None:
    train, test, val = (part(np.zeros((count, 1, 1, 1), np.uint8), np.zeros(count)) for count in (3, 2, 1))
    assert Raw(train, test).sizes == (3, 2)
    assert Raw(train, test, val).sizes == (3, 1, 2)
    assert Raw(train, test, val).parts == (train, val, test)


def test_a_subset_has_the_labels_of_its_images() -> None:
    whole = part(np.zeros((4, 1, 1, 1), np.uint8), [5, 6, 7, 8])
    assert Subset(whole, np.array([1, 3])).labels.tolist() == [6, 8]
