"""LoRA: how the pairs are dealt out to steps, packed, held out and stepped on."""

import random
from pathlib import Path
from typing import Any

import checkpoints
import pytest
import torch
from tuning import pairs, tune

from nnloop.errors import ModelError, SettingsError
from nnloop.llm import adapters
from nnloop.llm.batches import collate_packed, collate_padded, pack, shuffle
from nnloop.llm.chat import Example, encode_pair
from nnloop.llm.finetune import finetune
from nnloop.llm.hf import HfEngine
from nnloop.llm.optimizer import cosine
from nnloop.modes.pairs import TrainingPair

pytestmark = pytest.mark.usefixtures("one_thread")


def test_every_example_is_learned_once_an_epoch() -> None:
    examples = [Example([1] * i, [2]) for i in range(1, 60)]
    dealt = list(shuffle(examples, 4, random.Random(0)))
    assert sorted(len(one) for group in dealt for one in group) == [len(one) for one in examples]
    assert all(len(group) <= 4 for group in dealt)


def test_the_learning_rate_rises_and_falls() -> None:
    factors = [cosine(step, 3, 30) for step in range(30)]
    assert factors[:4] == [0.25, 0.5, 0.75, 1.0]
    assert factors[3:] == sorted(factors[3:], reverse=True)
    assert factors[-1] < 0.01


def test_a_long_warm_up_ends_in_the_middle() -> None:
    assert max(range(10), key=lambda step: cosine(step, 20, 10)) == 5


def test_accumulation_gives_the_gradient_of_the_whole_batch(engine: HfEngine, tmp_path: Path) -> None:
    whole = tune(engine, tmp_path / "a", batch_size=6, accumulation=1, dropout=0.0)
    split = tune(engine, tmp_path / "b", batch_size=2, accumulation=3, dropout=0.0)
    assert split.learned.loss == pytest.approx(whole.learned.loss, rel=1e-4)
    assert split.learned.steps == whole.learned.steps == 2


@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_packed_pairs_do_not_see_each_other(folders: dict[str, Path], kind: str) -> None:
    engine = HfEngine(checkpoints.settings(folders[kind]), "delta")
    examples = [
        encode_pair(engine.tokenizer, pair.prompt * 2**i, pair.completion, ends=engine.ends)
        for i, pair in enumerate(pairs(3))
    ]
    row = collate_packed(examples, engine.bare().device)
    together = engine.bare()(input_ids=row.ids, use_cache=False, **row.layout).logits[0]
    alone = [engine.bare()(input_ids=collate_padded([one], engine.bare().device).ids).logits[0] for one in examples]
    assert torch.allclose(together, torch.cat(alone), atol=1e-4)


def test_rows_are_filled_without_cutting_a_pair() -> None:
    examples = [Example([0] * (length - 1), [1]) for length in (5, 9, 2, 7, 4, 3)]
    rows = pack(examples, 10)
    assert sorted(len(one) for row in rows for one in row) == [2, 3, 4, 5, 7, 9]
    assert [sum(map(len, row)) for row in rows] == [9, 10, 9, 2]


@pytest.mark.parametrize("other", [{"packing": True}, {"gradient_checkpointing": True}])
def test_packing_and_checkpointing_leave_the_gradients_as_they_are(
    engine: HfEngine, tmp_path: Path, other: dict[str, Any]
) -> None:
    plain, same = tune(engine, tmp_path / "a", dropout=0.0), tune(engine, tmp_path / "b", dropout=0.0, **other)
    assert same.learned.loss == pytest.approx(plain.learned.loss, rel=1e-4)
    assert same.learned.tokens == plain.learned.tokens
    first, second = (weights_of(tmp_path / name) for name in "ab")
    assert all(torch.allclose(first[name], second[name], atol=1e-4) for name in first)


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    found: dict[str, torch.Tensor] = load_file(folder / adapters.WEIGHTS)
    return found


def test_held_out_pairs_are_not_learned_from_and_their_loss_is_told(engine: HfEngine, tmp_path: Path) -> None:
    many = [TrainingPair(pair.prompt, pair.completion, "a", str(i)) for i, pair in enumerate(pairs(20))]
    tuned = finetune(
        engine, many, settings=checkpoints.lora(held_out=0.3, epochs=6), folder=tmp_path / "a", parent=None, seed=0
    )
    again = finetune(
        engine, many[10:], settings=checkpoints.lora(held_out=0.3), folder=tmp_path / "b", parent=None, seed=0
    )
    assert 10 <= tuned.pairs < 20
    assert 0 < 10 - again.pairs <= 20 - tuned.pairs  # by the network led to, so in every cycle alike
    assert tuned.learned.held_out_loss < tuned.learned.held_out_loss_before / 2
    whole = finetune(engine, many, settings=checkpoints.lora(held_out=0.0), folder=tmp_path / "c", parent=None, seed=0)
    assert (whole.pairs, whole.learned.held_out_loss, whole.learned.held_out_loss_before) == (20, None, None)


def test_the_loss_before_is_the_bare_models(engine: HfEngine, tmp_path: Path) -> None:
    settings = checkpoints.lora(held_out=0.5, lr=0.0)
    many = [TrainingPair(pair.prompt, pair.completion, "a", str(i)) for i, pair in enumerate(pairs(20))]
    learned = finetune(engine, many, settings=settings, folder=tmp_path / "a", parent=None, seed=0).learned
    assert learned.held_out_loss == learned.held_out_loss_before


@pytest.mark.parametrize("changes", [{"targets": ["q_proj", "head"]}, {"layers": 3}])
def test_layers_that_the_model_lacks_are_refused(engine: HfEngine, tmp_path: Path, changes: dict[str, Any]) -> None:
    key = next(iter(changes))
    with pytest.raises(SettingsError, match=rf"finetune\.{key}=(head|3): .* has"):
        tune(engine, tmp_path / "a", **changes)


def test_the_8_bit_optimizer_learns_too(engine: HfEngine, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    losses = [
        tune(engine, tmp_path / str(epochs), epochs=epochs, optimizer="paged_adamw_8bit").learned for epochs in (1, 12)
    ]
    assert {learned.optimizer for learned in losses} == {"paged_adamw_8bit"}
    assert losses[1].loss < losses[0].loss / 2


def test_without_bitsandbytes_the_8_bit_optimizer_is_refused(
    engine: HfEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"finetune\.optimizer=paged_adamw_8bit: needs bitsandbytes"):
        tune(engine, tmp_path / "a", optimizer="paged_adamw_8bit")
