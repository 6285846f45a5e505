"""Batched generation, and where a completion ends."""

from pathlib import Path

import checkpoints
import pytest
import torch
from asking import requests, texts

from nnloop.llm.decode import StopCriterion
from nnloop.llm.hf import HfEngine

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("batch_size", [1, 3, 16])
@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_batched_equals_single(folders: dict[str, Path], kind: str, batch_size: int) -> None:
    asked = requests(12)
    single = HfEngine(checkpoints.settings(folders[kind], batch_size=1, top_k=50), "delta")
    batched = HfEngine(checkpoints.settings(folders[kind], batch_size=batch_size, top_k=50), "delta")
    assert texts(batched.generate(asked)) == texts(single.generate(asked))


@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_greedy_decoding_is_that_of_transformers(folders: dict[str, Path], kind: str) -> None:
    engine = HfEngine(checkpoints.settings(folders[kind], temperature=0.0), "delta")
    asked = requests(5)
    for answer in engine.generate(asked):
        ids = torch.tensor([engine.chat.encode(answer.prompt)])
        end = sorted(engine.ends)
        theirs = engine.bare().generate(ids, max_new_tokens=24, do_sample=False, eos_token_id=end, pad_token_id=0)
        tokens = theirs[0, ids.shape[1] :].tolist()
        assert answer.generation.tokens == len(tokens)
        assert answer.text == engine.tokenizer.decode(tokens[:-1] if tokens[-1] in engine.ends else tokens)


def test_shorter_completions_of_a_batch_come_first(folders: dict[str, Path]) -> None:
    engine = HfEngine(checkpoints.settings(folders["qwen"], batch_size=16, temperature=2.0), "delta")
    tokens = [answer.generation.tokens for answer in engine.generate(requests(16))]
    assert tokens == sorted(tokens)
    assert tokens[0] < tokens[-1]


def test_a_completion_is_given_out_while_others_are_still_being_written(folders: dict[str, Path]) -> None:
    engine = HfEngine(checkpoints.settings(folders["qwen"], batch_size=16, temperature=2.0), "delta")
    steps: list[int] = []
    engine.bare().register_forward_hook(lambda *_: steps.append(len(steps)))
    steps_by_tokens = {answer.generation.tokens: len(steps) for answer in engine.generate(requests(16))}
    shortest, longest = min(steps_by_tokens), max(steps_by_tokens)
    assert steps_by_tokens[longest] - steps_by_tokens[shortest] == longest - shortest > 0


def test_a_completion_cut_by_the_limit_says_so(folders: dict[str, Path]) -> None:
    engine = HfEngine(checkpoints.settings(folders["qwen"], temperature=2.0), "delta")
    answers = list(engine.generate(requests(16)))
    assert {answer.generation.truncated for answer in answers} == {True, False}
    assert all(answer.generation.tokens == 24 for answer in answers if answer.generation.truncated)


@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_generation_stops_at_the_closing_tag(kind: str) -> None:
    tokenizer = checkpoints.make_tokenizer(kind)
    stop = StopCriterion(tokenizer, "</delta>", {tokenizer.eos_token_id})
    tokens = tokenizer("<delta>\n-a\n</delta>)\nmore", add_special_tokens=False)["input_ids"]
    length = next(n for n in range(1, len(tokens)) if stop.reached(tokens[:n]))
    assert stop.decode(tokens[:length]) == "<delta>\n-a\n</delta>"


def test_an_end_token_is_no_part_of_the_text() -> None:
    tokenizer = checkpoints.make_tokenizer("qwen")
    stop = StopCriterion(tokenizer, "</delta>", {tokenizer.eos_token_id})
    tokens = [*tokenizer("abc", add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    assert stop.reached(tokens)
    assert stop.decode(tokens) == "abc"
