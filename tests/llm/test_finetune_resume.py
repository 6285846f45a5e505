"""LoRA: a fine-tune that is killed goes on to the same adapter."""

from pathlib import Path
from typing import Any

import pytest
from tuning import tune

from nnloop.llm.batches import completion_loss
from nnloop.llm.hf import HfEngine

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
    assert len(done) == whole.learned.steps - steps
    assert (cut.adapter, cut.learned) == (whole.adapter, whole.learned)
    assert not list(tmp_path.glob("*.pt*"))


def test_a_checkpoint_of_another_fine_tune_is_not_taken_up(
    engine: HfEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        kill_in_step(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            tune(engine, tmp_path / "a", checkpoint_minutes=0)
    done = count_steps(monkeypatch)
    other = tune(engine, tmp_path / "a", checkpoint_minutes=0, seed=1)
    assert len(done) == other.learned.steps


def test_a_finished_fine_tune_is_not_done_again(
    engine: HfEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tune(engine, tmp_path / "a")
    done = count_steps(monkeypatch)
    second = tune(engine, tmp_path / "a")
    assert (second.adapter, second.learned, done) == (first.adapter, first.learned, [])
    assert tune(engine, tmp_path / "a", seed=1).adapter != first.adapter


def kill_in_step(patch: pytest.MonkeyPatch, number: int) -> None:
    """Interrupt the process in the forward pass of an optimizer step; they count from 1, at one batch each."""
    calls = []

    def dying(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == number:
            raise KeyboardInterrupt
        return completion_loss(*arguments)

    patch.setattr("nnloop.llm.finetune.completion_loss", dying)


def count_steps(patch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        return completion_loss(*arguments)

    patch.setattr("nnloop.llm.finetune.completion_loss", counted)
    return calls
