"""The engine of transformers: how it writes, what it loads, what it refuses."""

from pathlib import Path
from typing import Any

import checkpoints
import pytest
import torch
from asking import requests, texts

from nnloop.errors import ModelError, SettingsError
from nnloop.llm import Request
from nnloop.llm.chat import encode_prompt
from nnloop.llm.decode import StopCriterion
from nnloop.llm.hf import HfEngine
from nnloop.llm.memory_forecast import shape_of
from nnloop.records import Prompt

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
        ids = torch.tensor([encode_prompt(engine.tokenizer, answer.prompt.text)])
        end = sorted(engine.ends)
        theirs = engine.bare().generate(ids, max_new_tokens=24, do_sample=False, eos_token_id=end, pad_token_id=0)
        tokens = theirs[0, ids.shape[1] :].tolist()
        assert answer.tokens == len(tokens)
        assert answer.text == engine.tokenizer.decode(tokens[:-1] if tokens[-1] in engine.ends else tokens)


def test_shorter_completions_of_a_batch_come_first(folders: dict[str, Path]) -> None:
    engine = HfEngine(checkpoints.settings(folders["qwen"], batch_size=16, temperature=2.0), "delta")
    tokens = [answer.tokens for answer in engine.generate(requests(16))]
    assert tokens == sorted(tokens)
    assert tokens[0] < tokens[-1]


def test_a_completion_is_given_out_while_others_are_still_being_written(folders: dict[str, Path]) -> None:
    engine = HfEngine(checkpoints.settings(folders["qwen"], batch_size=16, temperature=2.0), "delta")
    steps: list[int] = []
    engine.bare().register_forward_hook(lambda *_: steps.append(len(steps)))
    taken = {answer.tokens: len(steps) for answer in engine.generate(requests(16))}
    shortest, longest = min(taken), max(taken)
    assert taken[longest] - taken[shortest] == longest - shortest > 0


def test_a_completion_cut_by_the_limit_says_so(folders: dict[str, Path]) -> None:
    engine = HfEngine(checkpoints.settings(folders["qwen"], temperature=2.0), "delta")
    answers = list(engine.generate(requests(16)))
    assert {answer.truncated for answer in answers} == {True, False}
    assert all(answer.tokens == 24 for answer in answers if answer.truncated)


def test_a_prompt_that_does_not_fit_is_refused_whole(folders: dict[str, Path]) -> None:
    engine = HfEngine(checkpoints.settings(folders["qwen"], context_length=100), "delta")
    long = Request(Prompt("x " * 100, "b", "delta"), "", 0, 0, 0)
    assert not engine.fits(long.prompt.text)
    with pytest.raises(SettingsError, match=r"llm\.context_length=100: .* llm\.max_new_tokens\.delta=24"):
        next(engine.generate([long]))


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


def test_a_folder_without_weights_is_one_clear_error(tmp_path: Path) -> None:
    checkpoints.make(tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="the folder holds no complete checkpoint"):
        HfEngine(checkpoints.settings(tmp_path / "model"), "delta")


def test_seven_billion_parameters_on_a_cpu_have_to_be_asked_for(tmp_path: Path) -> None:
    from transformers import MistralConfig

    config = MistralConfig(vocab_size=32768, max_position_embeddings=32768, sliding_window=None)
    assert shape_of(config).parameters == 7_248_023_552
    config.save_pretrained(tmp_path)
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match=r"7\.2 billion parameters and no GPU here.*llm\.device=cpu"):
            HfEngine(checkpoints.settings(tmp_path, device="auto"), "delta")


def test_a_model_larger_than_the_memory_is_refused_before_its_weights_are_read(tmp_path: Path) -> None:
    from transformers import LlamaConfig

    sizes = {"hidden_size": 16384, "intermediate_size": 53248, "num_hidden_layers": 126, "num_attention_heads": 128}
    LlamaConfig(**sizes, num_key_value_heads=8, max_position_embeddings=4096).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"its weights alone take 16\d\d\.\d GB in float32, and .* free on cpu"):
        HfEngine(checkpoints.settings(tmp_path, device="cpu"), "delta")


def test_a_context_beyond_the_models_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="at most 1024, the model's max_position_embeddings"):
        HfEngine(checkpoints.settings(folders["qwen"], context_length=2000), "delta")
    windowed = checkpoints.make(tmp_path, "mistral", sliding_window=64)
    with pytest.raises(SettingsError, match="at most 64, the model's sliding window"):
        HfEngine(checkpoints.settings(windowed), "delta")


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_wrong_device_is_one_clear_error(folders: dict[str, Path], device: str) -> None:
    with pytest.raises((SettingsError, ModelError), match=f"llm.device={device}"):
        HfEngine(checkpoints.settings(folders["qwen"], device=device), "delta")


@pytest.mark.parametrize("quantize", ["nf4", "int8"])
@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_a_quantised_model_writes_and_is_as_small_as_foretold(
    folders: dict[str, Path], kind: str, quantize: str
) -> None:
    pytest.importorskip("bitsandbytes")
    engine = HfEngine(checkpoints.settings(folders[kind], quantize=quantize), "delta")
    assert len(texts(engine.generate(requests(4)))) == 4
    model = engine.bare()
    foretold = shape_of(model.config).weights(model.dtype.itemsize, quantize)
    assert model.get_memory_footprint() == pytest.approx(foretold, rel=0.05)
    assert foretold < shape_of(model.config).weights(model.dtype.itemsize, "none") * 0.8


def test_quantising_without_bitsandbytes_is_refused(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"llm\.quantize=nf4: needs bitsandbytes: pip install"):
        HfEngine(checkpoints.settings(folders["qwen"], quantize="nf4"), "delta")


def test_a_batch_is_as_large_as_the_memory_allows(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:

    from nnloop.llm import pretrained

    engine = HfEngine(checkpoints.settings(folders["qwen"], batch_size=16), "delta")
    whole = texts(engine.generate(requests(8)))
    prefill = shape_of(engine.bare().config).prefill(4)
    monkeypatch.setattr(pretrained, "free_bytes", lambda device: prefill + 400_000)
    with caplog.at_level("INFO"):
        assert texts(engine.generate(requests(8))) == whole
    (said,) = [line for line in caplog.messages if "at once" in line]
    assert 1 <= int(said.split()[0]) < 16
    monkeypatch.setattr(pretrained, "free_bytes", lambda device: 1000)
    with pytest.raises(ModelError, match=r"too few for one completion of .* tokens; use llm\.quantize=nf4"):
        next(engine.generate(requests(1)))


def test_a_resting_engine_frees_its_memory_and_wakes_where_it_was(folders: dict[str, Path], tmp_path: Path) -> None:
    import weakref

    from nnloop.llm import adapters

    source = HfEngine(checkpoints.settings(folders["qwen"]), "delta")
    adapters.save(_nudged(source), tmp_path / "a", adapters.Lineage("", None, "m", None, {}, 0))
    kept, freed = (
        HfEngine(checkpoints.settings(folders["qwen"], offload=offload), "delta") for offload in (False, True)
    )
    for engine in (kept, freed):
        engine.use_adapter(tmp_path / "a")
        assert engine._model is not engine._base
    model = weakref.ref(freed._base)
    before = texts(freed.generate(requests(4)))
    for engine in (kept, freed):
        engine.offload()
    assert model() is None
    assert kept._base is not None
    assert freed.fits("a short prompt")
    assert texts(freed.generate(requests(4))) == before == texts(kept.generate(requests(4)))
    assert freed.adapter == kept.adapter


def _nudged(engine: HfEngine) -> Any:
    """The engine's model with LoRA layers that change its answers."""
    from peft import LoraConfig

    from nnloop.llm import adapters

    model = adapters.add_lora(engine.bare(), LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"]))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(generator=torch.Generator().manual_seed(1))
    return model


def test_layers_may_lie_on_several_devices() -> None:
    from transformers.cache_utils import DynamicCache

    from nnloop.llm.kv_cache import KvCache

    prompts, cache = DynamicCache(), KvCache()
    for layer, device in enumerate(("cpu", "meta")):
        prompts.update(torch.zeros(2, 1, 3, 4, device=device), torch.zeros(2, 1, 3, 4, device=device), layer)
    cache.add(prompts, rows=torch.tensor([0, 1, 1]), lengths=torch.tensor([3, 2, 3]))
    for layer, device in enumerate(("cpu", "meta")):
        new = torch.ones(3, 1, 1, 4, device=device)
        keys, _ = cache.update(new, new, layer)
        assert (keys.shape, keys.device.type) == ((3, 1, 4, 4), device)
    cache.select(torch.tensor([2]))
    assert cache.lengths.tolist() == [3]


def test_the_packages_checkpoint_loads_with_transformers_as_its_card_says() -> None:
    from nnloop.compat import ensure_torchvision_imports
    from nnloop.llm.hub import EMBEDDED, find

    ensure_torchvision_imports()
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = find(EMBEDDED, None).path
    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, tokenizer_type="glm", local_files_only=True)
    ids = tokenizer("import torch\nfrom torch import nn\n", return_tensors="pt")["input_ids"]
    assert ids.shape == (1, 2)  # a line is one token
    assert model(input_ids=ids).logits.shape == (1, 2, len(tokenizer))


def test_closing_lets_go_of_the_model(folders: dict[str, Path]) -> None:
    import weakref

    engine = HfEngine(checkpoints.settings(folders["qwen"]), "delta")
    model = weakref.ref(engine.bare())
    engine.close()
    assert model() is None
