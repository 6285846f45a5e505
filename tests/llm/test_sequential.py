"""Generation of one completion after the other."""

from pathlib import Path

import checkpoints
import pytest
from asking import requests, texts

from nnloop.errors import ModelError
from nnloop.llm.hf import HfEngine

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_completion_is_the_one_that_its_seed_gives_in_a_batch(folders: dict[str, Path]) -> None:
    """Sampled at temperature 1, and whatever the checkpoint's generation_config.json would do to the logits."""
    engine = HfEngine(checkpoints.settings(folders["qwen"]), "delta")
    together = texts(engine.generate(requests(4)))
    engine.takes_rows = False
    engine.bare().generation_config.repetition_penalty = 1.5
    assert texts(engine.generate(requests(4))) == together


def test_an_error_of_the_architectures_own_code_is_one_line(folders: dict[str, Path]) -> None:
    engine = HfEngine(checkpoints.settings(folders["qwen"]), "delta")
    engine.takes_rows = False
    engine.bare().generate = lambda *_, **__: {}["state"]
    with pytest.raises(ModelError, match=r"^llm\.model: Qwen2ForCausalLM can't generate: KeyError: 'state'$"):
        next(engine.generate(requests(1)))
