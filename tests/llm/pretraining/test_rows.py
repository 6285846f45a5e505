"""Packed rows, their masks and their batches."""

from dataclasses import replace
from typing import Any

import torch
from tiny_recipe import STREAM

from nnloop.llm.pretraining import stream
from nnloop.llm.pretraining.rows import BatchGroups, PackedRow, PretrainingBatch, pack


def test_answers_see_the_prompt_and_themselves_alone() -> None:
    batch = PretrainingBatch(torch.zeros(1, 6), torch.tensor([[0, 0, 1, 1, 2, -1]]), torch.zeros(1, 6))
    seen = batch.mask(torch.float32)[0, 0] == 0
    assert seen[:5].int().tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 0, 0, 1, 0],
    ]


def test_loss_is_on_answers_and_a_little_on_the_prompt() -> None:
    batch = PretrainingBatch(torch.zeros(1, 6), torch.tensor([[0, 0, 1, 1, 1, -1]]), torch.zeros(1, 6))
    assert batch.weights(0.5).tolist() == [[0.5, 0, 1, 1, 0]]


def test_an_answer_in_a_row_is_read_as_if_it_stood_behind_the_prompt(tokenizer: Any) -> None:
    document = next(
        d for d in (stream.document(i, replace(STREAM, full_share=0.0)) for i in range(9)) if len(d.answers) == 3
    )
    row = pack(tokenizer, document, 10_000)
    chat = [{"role": "user", "content": document.prompt}, {"role": "assistant", "content": document.answers[1]}]
    alone = tokenizer(tokenizer.apply_chat_template(chat, tokenize=False))["input_ids"]
    kept = [i for i, segment in enumerate(row.segments) if segment in (0, 2)]
    assert [row.tokens[i] for i in kept] == alone
    assert [row.positions[i] for i in kept] == list(range(len(alone)))


def test_answers_over_the_limit_are_left_out(tokenizer: Any, documents: list[stream.Document]) -> None:
    row: PackedRow = pack(tokenizer, documents[0], 1)
    assert set(row.segments) == {0}


def test_a_group_is_cut_into_batches_of_the_recipes_tokens(tokenizer: Any) -> None:
    settings = replace(STREAM, batch_tokens=1024, row_tokens=512)
    batches = BatchGroups(settings, tokenizer)[0]
    assert all(batch.tokens.numel() <= 1024 or len(batch.tokens) == 1 for batch in batches)
    assert sum(len(batch.tokens) for batch in batches) == 32
    again = BatchGroups(settings, tokenizer)[0]
    assert all(torch.equal(one.tokens, other.tokens) for one, other in zip(batches, again, strict=True))
