"""Training examples as tensors, and the loss on them."""

import random
from pathlib import Path

import checkpoints
import pytest
import torch
from tuning import pairs

from nnloop.llm.batches import collate_packed, collate_padded, completion_loss, microbatches, pack, shuffle
from nnloop.llm.chat import Example
from nnloop.llm.hf import HfEngine

pytestmark = pytest.mark.usefixtures("one_thread")


def test_every_example_is_learned_once_an_epoch() -> None:
    examples = [Example([1] * i, [2]) for i in range(1, 60)]
    groups = list(shuffle(examples, 4, random.Random(0)))
    assert sorted(len(one) for group in groups for one in group) == [len(one) for one in examples]
    assert all(len(group) <= 4 for group in groups)


def test_rows_are_filled_without_cutting_a_pair() -> None:
    examples = [Example([0] * (length - 1), [1]) for length in (5, 9, 2, 7, 4, 3)]
    rows = pack(examples, 10)
    assert sorted(len(one) for row in rows for one in row) == [2, 3, 4, 5, 7, 9]
    assert [sum(map(len, row)) for row in rows] == [9, 10, 9, 2]


@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_packed_pairs_do_not_see_each_other(folders: dict[str, Path], kind: str) -> None:
    engine = HfEngine(checkpoints.settings(folders[kind]), "delta")
    examples = [
        engine.chat.encode_pair(pair.prompt * 2**i, pair.completion, ends=engine.ends)
        for i, pair in enumerate(pairs(3))
    ]
    row = collate_packed(examples, engine.bare().device)
    layout = {"position_ids": row.positions, "attention_mask": row.causal}
    together = engine.bare()(input_ids=row.ids, use_cache=False, **layout).logits[0]
    alone = [engine.bare()(input_ids=collate_padded([one], engine.bare().device).ids).logits[0] for one in examples]
    assert torch.allclose(together, torch.cat(alone), atol=1e-4)


@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_the_loss_is_on_the_completions_tokens_and_no_other(folders: dict[str, Path], kind: str) -> None:
    engine = HfEngine(checkpoints.settings(folders[kind]), "delta")
    examples = [
        engine.chat.encode_pair(pair.prompt * 3**i, pair.completion, ends=engine.ends)
        for i, pair in enumerate(pairs(3))
    ]
    model = engine.bare()
    by_hand = 0.0
    for one in examples:
        logits = model(input_ids=torch.tensor([one.prompt + one.completion])).logits[0].log_softmax(-1)
        for place, token in enumerate(one.completion, start=len(one.prompt)):
            by_hand -= float(logits[place - 1, token])
    for batch in (collate_padded(examples, model.device), collate_packed(examples, model.device)):
        assert float(completion_loss(model, batch)) == pytest.approx(by_hand, rel=1e-4)
        learned = [label for row in batch.labels.tolist() for label in row if label >= 0]
        assert learned == [token for one in examples for token in one.completion]


@pytest.mark.parametrize(("packing", "shapes"), [(False, [(2, 6), (1, 3)]), (True, [(1, 9), (1, 6)])])
def test_microbatches_hold_every_example_padded_or_packed(packing: bool, shapes: list[tuple[int, int]]) -> None:
    examples = [Example([0] * (length - 1), [1]) for length in (6, 6, 3)]
    settings = checkpoints.lora(packing=packing, batch_size=2, max_length=10)
    batches = list(microbatches(examples, settings, torch.device("cpu")))
    assert [tuple(batch.ids.shape) for batch in batches] == shapes
    assert sum(int((batch.labels == 1).sum()) for batch in batches) == len(examples)
