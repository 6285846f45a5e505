from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nnloop.runs import digest as digests
from nnloop.runs.digest import Digest, digest, protocol_digest, training_code
from nnloop.runs.folder import RunFolder
from nnloop.settings import Settings

ONE, OTHER = Digest("p", "t", "w"), Digest("p", "u", "w")


@pytest.mark.parametrize("override", ["proxy.lr=0.01", "dataset.split_seed=1", "dataset.train_limit=100"])
def test_a_setting_that_moves_accuracies_makes_another_protocol(
    configure: Callable[..., Settings], override: str
) -> None:
    usual = digest(configure(), "data", None)
    assert digest(configure(override), "data", None).protocol != usual.protocol
    assert digest(configure(override), "data", None).training == usual.training


@pytest.mark.parametrize("override", ["seed=1", "admission.min_accuracy=0.1", "dataset.root=/somewhere", "llm=random"])
def test_a_setting_that_moves_none_does_not(configure: Callable[..., Settings], override: str) -> None:
    assert digest(configure(override), "data", None) == digest(configure(), "data", None)


def test_other_data_make_another_protocol() -> None:
    assert protocol_digest({}, {}, "these") != protocol_digest({}, {}, "others")


def test_code_that_trains_differently_has_another_digest_and_another_comment_has_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "training").mkdir()
    source = tmp_path / "training" / "fit.py"
    monkeypatch.setattr(digests.nnloop, "__file__", str(tmp_path / "__init__.py"))
    codes = []
    for text in ("x = 1", "x = 1  # one", "x = 2"):
        source.write_text(text)
        training_code.cache_clear()
        codes.append(training_code())
    training_code.cache_clear()
    assert codes[0] == codes[1] != codes[2]


@pytest.fixture
def run(tmp_path: Path, configure: Callable[..., Settings]) -> RunFolder:
    made = RunFolder(tmp_path / "run")
    made.open(configure())
    return made


def test_a_run_names_the_digest_that_it_was_begun_with(run: RunFolder) -> None:
    run.record_digest(ONE)
    assert Digest.from_json(run.provenance()["digest"]) == ONE


def test_a_run_that_goes_on_under_another_digest_names_both(run: RunFolder) -> None:
    for each in (ONE, ONE, OTHER, OTHER, replace(OTHER, weights="x")):
        run.record_digest(each)
    assert Digest.from_json(run.provenance()["digest"]) == Digest("p", "t+u", "w+x")


def test_a_run_that_was_begun_before_digests_were_kept_stays_without_one(run: RunFolder) -> None:
    run.archive.touch()
    run.record_digest(ONE)
    assert "digest" not in run.provenance()
