"""Loading a model, and the refusals before anything large is read."""

import json
from pathlib import Path
from typing import Any

import checkpoints
import pytest
import torch
from tuning import answers, pairs

from nnloop import build
from nnloop.errors import ModelError, SettingsError
from nnloop.llm import adapters, check, pretrained
from nnloop.llm.finetune import finetune, with_lora
from nnloop.llm.hf import HfEngine
from nnloop.llm.memory_forecast import shape_of
from nnloop.settings import NoFinetuneSettings

pytestmark = pytest.mark.usefixtures("one_thread")


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
        HfEngine(checkpoints.settings(tmp_path, device="cpu", dtype="float32"), "delta")


def test_a_context_beyond_the_models_is_refused_and_a_sliding_window_is_none(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="at most 1024, the model's max_position_embeddings"):
        HfEngine(checkpoints.settings(folders["qwen"], context_length=2000), "delta")
    windowed = checkpoints.make(tmp_path, "mistral", sliding_window=64)
    assert HfEngine(checkpoints.settings(windowed), "delta").fits("x " * 100)


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


def test_a_turn_may_end_with_every_id_that_the_checkpoint_names(folders: dict[str, Path]) -> None:
    loaded = pretrained.load(checkpoints.settings(folders["deepseek"]))
    assert {loaded.tokenizer.convert_ids_to_tokens(end) for end in loaded.ends} == {"<|EOT|>", "<|end|>"}


def test_the_shape_and_the_tokenizer_are_read_without_the_weights(tmp_path: Path) -> None:
    whole = pretrained.load(checkpoints.settings(checkpoints.make(tmp_path)))
    (tmp_path / "model.safetensors").unlink()
    settings = checkpoints.settings(tmp_path)
    assert pretrained.read_shape(settings) == whole.shape
    assert pretrained.load_tokenizer(settings).get_vocab() == whole.tokenizer.get_vocab()


def test_a_model_is_checked_before_anything_is_trained_from_small_files_alone(configure, tmp_path: Path) -> None:
    """Here as in a search, whose dataset is not even looked for."""
    folder = checkpoints.make(tmp_path / "own")
    (folder / "model.safetensors").unlink()
    settings = configure("llm=qwen", f"llm.model={folder}", "llm.context_length=1000", "dataset.root=/nowhere")
    with pytest.raises(ModelError, match=r"no complete checkpoint \(no weights in it\)"):
        build.run(settings, tmp_path / "run")
    assert not (tmp_path / "run" / "dataset.json").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dtype": "bfloat16", "device": "cuda:7"}, "llm.device=cuda:7: torch sees 0 GPUs"),
        ({"context_length": 5000}, "llm.context_length=5000: at most 1024"),
        ({"quantize": "nf4"}, None),
        ({"template": {"enable_thinking": False}}, "llm.template.enable_thinking: the chat template"),
    ],
)
def test_settings_that_do_not_fit_the_model_are_told_by_the_check(
    folders: dict[str, Path], changes: dict[str, Any], message: str | None
) -> None:
    given = checkpoints.settings(folders["qwen"], **changes)
    if message is None:
        assert check(given, checkpoints.lora()) == "float32"
    elif not torch.cuda.is_available():
        with pytest.raises((ModelError, SettingsError), match=message):
            check(given, checkpoints.lora())


def test_the_check_knows_the_layers_to_tune(folders: dict[str, Path]) -> None:
    given = checkpoints.settings(folders["qwen"])
    with pytest.raises(
        SettingsError, match=r"finetune\.targets=qkv: .*qwen0 has no layer of that name; its linear layers"
    ):
        check(given, checkpoints.lora(targets=["qkv"]))
    assert check(given, checkpoints.lora(targets=["auto", "lm_head"])) == "float32"


def test_the_check_knows_the_adapter_to_start_from(folders: dict[str, Path], engine: HfEngine, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^llm\.adapter: .*/nowhere: holds no adapter"):
        check(checkpoints.settings(folders["qwen"], adapter=str(tmp_path / "nowhere")), NoFinetuneSettings("off"))
    model = with_lora(engine.bare(), checkpoints.lora(), None)
    adapters.save(model, tmp_path / "a", adapters.Lineage("", None, "m", None, {}, 0))
    adapters.detach(model)
    given = checkpoints.settings(folders["qwen"], adapter=str(tmp_path / "a"))
    assert check(given, checkpoints.lora()) == "float32"
    with pytest.raises(SettingsError, match=r"^finetune\.rank: the adapter in .*/a has 4; use that$"):
        check(given, checkpoints.lora(rank=8))


QUANTISED = {
    "awq": {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True, "version": "gemm"},
    "gptq": {"quant_method": "gptq", "bits": 4, "group_size": 128, "dataset": "c4"},
    "fp8": {"quant_method": "fbgemm_fp8"},
    "unheard": {"quant_method": "unheard"},
}


@pytest.mark.parametrize("method", QUANTISED)
def test_quantised_weights_that_cannot_be_loaded_here_are_one_line_with_the_remedy(tmp_path: Path, method: str) -> None:
    folder = checkpoints.make(tmp_path / "m", quantization_config=None)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": QUANTISED[method]}))
    with pytest.raises(
        ModelError, match=r"^llm\.model=[^\n]* quantised by \w+, which can't be loaded here \([^\n]*nf4"
    ):
        check(checkpoints.settings(folder), checkpoints.lora())
    with pytest.raises(ModelError, match=r"^llm\.quantize=nf4: .* is quantised already, by \w+; use none$"):
        check(checkpoints.settings(folder, quantize="nf4"), checkpoints.lora())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "t5"}, "is no causal LM, so it can't write; take a decoder"),
        ({"model_type": "unheard-of"}, "the transformers installed here does not know its architecture"),
        ({"num_attention_heads": 0}, "[^\n]*"),
        (
            {"auto_map": {"AutoConfig": "own.Config"}, "model_type": "own"},
            "runs code of its own, which nnloop does not",
        ),
    ],
)
def test_a_checkpoint_of_a_strange_kind_is_one_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    folder = checkpoints.make(tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ModelError, match=rf"^llm\.model=[^\n]*: {message}"):
        check(checkpoints.settings(folder), checkpoints.lora())


@pytest.mark.parametrize("kind", ["gpt2", "phi3", "mamba"])
def test_a_search_s_engine_runs_and_tunes_other_architectures(tmp_path: Path, kind: str) -> None:
    folder = checkpoints.make(tmp_path / "m", config=kind)
    lora = checkpoints.lora(targets=["auto"], packing=True, gradient_checkpointing=True)
    given = checkpoints.settings(folder, context_length=200)
    assert check(given, lora) == "float32"
    engine = HfEngine(given, "delta")
    before = answers(engine)
    finetune(engine, pairs(), settings=lora, folder=tmp_path / "a", parent=None, seed=0)
    assert answers(engine) != before
