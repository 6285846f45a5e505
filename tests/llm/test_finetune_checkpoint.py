"""A fine-tune that is killed resumes and ends with the same adapter."""

from pathlib import Path

import checkpoints
import pytest
import torch
from tuning import UNLIKE, count_steps, kill_in_step, tune, unlike

from nnloop.llm.finetune import finetune
from nnloop.llm.finetune_checkpoint import FinetuneCheckpoint, FinetuneProgress
from nnloop.llm.hf import HfEngine
from nnloop.records import FinetuneResult

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("optimizer", ["adamw", "paged_adamw_8bit"])
@pytest.mark.parametrize("steps", [1, 4])
def test_a_fine_tune_killed_in_the_middle_goes_on_to_the_same_adapter(
    engine: HfEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, optimizer: str
) -> None:
    if optimizer != "adamw":
        pytest.importorskip("bitsandbytes")
    changes = {"checkpoint_minutes": 0, "optimizer": optimizer, "held_out": 0.0}
    whole = tune(engine, tmp_path / "whole", **changes)
    assert not list(tmp_path.glob("*.pt*"))
    with monkeypatch.context() as patch:
        kill_in_step(patch, steps + 1)
        with pytest.raises(KeyboardInterrupt):
            tune(engine, tmp_path / "cut", **changes)
    assert [path.name for path in tmp_path.glob("cut*")] == ["cut.partial.pt"]
    done = count_steps(monkeypatch)
    cut = tune(engine, tmp_path / "cut", **changes)
    assert len(done) == whole.steps - steps
    assert cut == whole
    assert not list(tmp_path.glob("*.pt*"))


def test_a_killed_fine_tune_still_knows_its_best_epoch(
    engine: HfEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is held out is unlike what is learned, so a middle epoch is the best; the kill comes after it."""

    def tuned(name: str) -> FinetuneResult:
        settings = checkpoints.lora(**UNLIKE, checkpoint_minutes=0)
        return finetune(engine, unlike(), settings=settings, folder=tmp_path / name, parent=None, seed=0)

    with monkeypatch.context() as patch:
        counted = count_steps(patch)
        whole = tuned("whole")
    assert whole.epoch is not None
    assert 1 <= whole.epoch < UNLIKE["epochs"]
    with monkeypatch.context() as patch:
        kill_in_step(patch, len(counted) - 3)
        with pytest.raises(KeyboardInterrupt):
            tuned("cut")
    assert tuned("cut") == whole


def test_a_checkpoint_of_another_fine_tune_is_not_restored(
    engine: HfEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        kill_in_step(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            tune(engine, tmp_path / "a", checkpoint_minutes=0)
    done = count_steps(monkeypatch)
    other = tune(engine, tmp_path / "a", checkpoint_minutes=0, seed=1)
    assert len(done) == other.steps


def test_a_checkpoint_is_written_only_when_the_last_one_is_old_enough(tmp_path: Path) -> None:
    weights = {"w": torch.nn.Parameter(torch.ones(2))}
    stepper = torch.optim.AdamW(weights.values())
    FinetuneCheckpoint(tmp_path / "a", "key", minutes=5).save(FinetuneProgress(step=3), weights, stepper)
    assert not list(tmp_path.iterdir())
    FinetuneCheckpoint(tmp_path / "a", "key", minutes=0).save(FinetuneProgress(step=3), weights, stepper)
    with torch.no_grad():
        weights["w"].zero_()
    assert FinetuneCheckpoint(tmp_path / "a", "key", minutes=5).restore(weights, stepper) == FinetuneProgress(step=3)
    assert weights["w"].tolist() == [1, 1]
    assert FinetuneCheckpoint(tmp_path / "a", "other", minutes=5).restore(weights, stepper) == FinetuneProgress()
