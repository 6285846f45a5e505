"""Loading a model, and the refusals before anything large is read."""

from pathlib import Path

import checkpoints
import pytest
import torch

from nnloop.errors import ModelError, SettingsError
from nnloop.llm import pretrained
from nnloop.llm.hf import HfEngine
from nnloop.llm.memory_forecast import shape_of

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
        HfEngine(checkpoints.settings(tmp_path, device="cpu"), "delta")


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
