"""Which models write rows together, which one at a time, and which can't write."""

import pytest
import torch
from architectures import make_config, make_model
from checkpoints import lora

from nnloop.errors import ModelError
from nnloop.llm.batches import collate_packed, collate_padded, completion_loss
from nnloop.llm.chat import Example
from nnloop.llm.decode import Decoder
from nnloop.llm.finetune import with_lora
from nnloop.llm.probe import takes_rows
from nnloop.llm.sampling import Sampling
from nnloop.llm.sequential import SequentialDecoder

pytestmark = pytest.mark.usefixtures("one_thread")

ROWS = ["gpt2", "gpt_neox", "falcon", "phi3", "llama", "mistral", "qwen3", "gemma2", "gemma3_text", "olmo2", "mixtral"]
ONE_BY_ONE = ["mamba", "bloom", "gpt_neo", "rwkv"]
PROMPTS = [list(range(5, 17)), [5, 6, 7], [5, 6, *range(20, 36)]]  # two of them longer than a window of 8


class Never:
    """Ends no completion."""

    def ending(self, tokens: list[int]) -> None:
        return None


@pytest.mark.parametrize("kind", [*ROWS, *ONE_BY_ONE])
def test_greedy_completions_are_those_of_transformers_and_the_model_can_be_tuned(kind: str) -> None:
    check(kind, rows=kind in ROWS)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:target_parameters=")  # PEFT names experts of layers that a small model lacks
@pytest.mark.filterwarnings("ignore:The following (rank|alpha)_pattern")
@pytest.mark.parametrize(
    "kind", ["gemma3", "gpt_oss", "deepseek_v3", "qwen3_next", "jamba", "llama4", "qwen3_moe", "mpt"]
)
def test_so_do_larger_and_stranger_ones(kind: str) -> None:
    check(kind, rows=kind not in ("qwen3_next", "jamba", "llama4"))


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_a_model_that_sees_later_tokens_is_refused(kind: str) -> None:
    with pytest.raises(
        ModelError, match=r"^llm\.model: .* attends to later tokens, so it can't write; take a decoder$"
    ):
        takes_rows(make_model(make_config(kind)), Never())


def test_a_model_that_cannot_be_run_is_one_line() -> None:
    with pytest.raises(ModelError, match=r"^llm\.model: XmodForCausalLM can't be run: ValueError: [^\n]*$"):
        takes_rows(make_model(make_config("xmod")), Never())


def test_a_window_that_the_model_does_not_have_is_noticed() -> None:
    """Llama's config takes any name; its layers attend to all."""
    config = make_config("llama")
    config.sliding_window = 8
    assert takes_rows(make_model(make_config("llama")), Never())
    assert not takes_rows(make_model(config), Never())
    assert config.sliding_window == 8


def check(kind: str, *, rows: bool) -> None:
    model = make_model(make_config(kind))
    assert takes_rows(model, Never()) is rows
    decoder = Decoder(model=model, sampling=Sampling(0, 0, 1.0), stop=Never(), limit=14, batch_size=2)
    written = (decoder if rows else SequentialDecoder(decoder)).decode(PROMPTS, [0, 1, 2])
    assert {one.index: one.tokens for one in written} == dict(enumerate(greedy(model, ids) for ids in PROMPTS))
    tuned = with_lora(model, lora(targets=["auto"], dropout=0.0), None)
    examples = [Example(ids[:2], ids[2:]) for ids in PROMPTS]
    alone = sum(completion_loss(tuned, collate_padded([one], model.device)) for one in examples)
    assert isinstance(alone, torch.Tensor)
    together = [collate_padded(examples, model.device), *([collate_packed(examples, model.device)] if rows else [])]
    for batch in together:
        assert completion_loss(tuned, batch).item() == pytest.approx(alone.item(), rel=1e-3)
    alone.backward()
    gradients = {name: weight.grad for name, weight in tuned.named_parameters() if weight.requires_grad}
    assert any(gradient is not None and bool(gradient.any()) for gradient in gradients.values())


def greedy(model, prompt: list[int]) -> list[int]:
    ids = torch.tensor([prompt])
    options = {"max_new_tokens": 14, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    return model.generate(ids, attention_mask=torch.ones_like(ids), **options)[0, len(prompt) :].tolist()
