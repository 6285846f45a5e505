"""Batched generation, and where a completion ends."""

from pathlib import Path
from typing import Any

import checkpoints
import pytest
import torch
from asking import requests, texts

from nnloop.llm.decode import StopCriterion
from nnloop.llm.hf import HfEngine
from nnloop.llm.stopping import SHORTEST, Ending

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


DIFF = "<delta>\n-a\n</delta>"


def stop_of(kind: str, mode: str = "delta", **options: Any) -> tuple[Any, StopCriterion]:
    tokenizer = checkpoints.make_tokenizer(kind)
    return tokenizer, StopCriterion(tokenizer, mode, {tokenizer.eos_token_id}, **options)


def written(kind: str, text: str, **options: Any) -> tuple[str, Ending | None]:
    """What comes of a completion that would go on as the text does, and why it ended."""
    tokenizer, stop = stop_of(kind, **options)
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    for n in range(1, len(tokens) + 1):
        ending = stop.ending(tokens[:n])
        if ending:
            return stop.decode(tokens[:n]), ending
    return stop.decode(tokens), None


@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_generation_stops_at_the_closing_tag(kind: str) -> None:
    assert written(kind, f"{DIFF})\nmore") == (DIFF, Ending.ANSWER)


NETWORK = "<nn>\nclass Net(nn.Module):\n    pass\n</nn>"


@pytest.mark.parametrize(
    "before",
    [
        "Here is the unified diff, between <delta> and </delta>:\n",
        "<delta> and </delta> are the tags.\n",
        "The form is\n<delta>\n...\n</delta>\nand so:\n",
        "</delta>\n",
        f"<think>\nA draft:\n{DIFF}\nNo.\n</think>\n",
        f"<thinking>Say {DIFF}\n</thinking>\n",
        f"<reasoning>\n{DIFF}\n</reasoning>\n\n",
        f"[THINK]\n{DIFF}\n[/THINK]",
    ],
)
def test_a_tag_in_a_sentence_or_a_thought_does_not_end_a_completion(before: str) -> None:
    assert written("qwen", f"{before}{DIFF}\nmore") == (before + DIFF, Ending.ANSWER)
    network = before.replace("delta>", "nn>").replace("-a", "class Net:")
    assert written("qwen", f"{network}{NETWORK}\nmore", mode="full") == (network + NETWORK, Ending.ANSWER)


def test_a_thought_that_the_template_opens_counts_and_begins_the_text() -> None:
    thought = f"A draft:\n{DIFF}\n</think>\n"
    assert written("qwen", f"{thought}{DIFF}\nmore", opened="<think>\n") == (f"<think>\n{thought}{DIFF}", Ending.ANSWER)


def test_an_engine_knows_the_thought_that_its_template_opens(folders: dict[str, Path]) -> None:
    engine = HfEngine(checkpoints.settings(folders["qwen"]), "delta")
    engine.tokenizer.chat_template = checkpoints.QWEN.replace(
        "<|im_start|>assistant\n", "<|im_start|>assistant\n<think>\n"
    )
    engine._stop = engine._make_stop()
    assert all(answer.text.startswith("<think>\n") for answer in engine.generate(requests(3)))


@pytest.mark.parametrize("piece", ["x = self.act(x)\n", "x", "a\nb\n"])
def test_a_loop_ends_a_completion_if_it_is_asked_for(piece: str) -> None:
    text, ending = written("qwen", "<delta>\n" + piece * 400, max_repeats=10)
    assert ending is Ending.LOOP
    assert 9 <= text.count(piece) <= 130
    assert written("qwen", "<delta>\n" + piece * 400)[1] is None


def test_a_looping_answer_does_not_depend_on_its_batch_and_says_so(folders: dict[str, Path]) -> None:
    changes = {"temperature": 0.0, "max_repeats": 20, "max_new_tokens": {"delta": 150}}
    endings = []
    for size in (1, 16):
        engine = HfEngine(checkpoints.settings(folders["qwen"], batch_size=size, **changes), "delta")
        with torch.no_grad():
            engine.bare().lm_head.weight.zero_()  # every token is as likely, and the first one is taken
        answers = sorted(engine.generate(requests(6)), key=lambda answer: answer.slot)
        endings.append([(each.text, each.generation.looped, each.generation.tokens) for each in answers])
    assert endings[0] == endings[1]
    assert {(looped, tokens) for _, looped, tokens in endings[0]} == {(True, SHORTEST)}


def test_an_end_token_is_no_part_of_the_text() -> None:
    tokenizer, stop = stop_of("qwen")
    tokens = [*tokenizer("abc", add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    assert stop.ending(tokens) is Ending.ANSWER
    assert stop.decode(tokens) == "abc"
