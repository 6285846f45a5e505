"""Device, dtype and quantisation of a model."""

from pathlib import Path

import checkpoints
import pytest
import torch
from asking import requests, texts

from nnloop.errors import ModelError, SettingsError
from nnloop.llm import quantization
from nnloop.llm.hf import HfEngine
from nnloop.llm.memory_forecast import shape_of

pytestmark = pytest.mark.usefixtures("one_thread")


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


@pytest.mark.parametrize("has_bfloat16", [True, False])
def test_a_cpu_computes_in_bfloat16_where_it_has_it_and_the_model_is_large(
    monkeypatch: pytest.MonkeyPatch, has_bfloat16: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_f": True, "amx_bf16": has_bfloat16})
    cpu, small, large = torch.device("cpu"), 50_000_000, 50_000_001
    assert quantization.dtype_of(checkpoints.settings("m"), cpu, small) is torch.float32
    assert quantization.dtype_of(checkpoints.settings("m"), cpu, large) is (
        torch.bfloat16 if has_bfloat16 else torch.float32
    )
    assert quantization.dtype_of(checkpoints.settings("m", dtype="bfloat16"), cpu, small) is torch.bfloat16
    assert quantization.dtype_of(checkpoints.settings("m", dtype="float32"), cpu, large) is torch.float32


def test_layers_lie_on_the_one_device_or_on_all_gpus() -> None:
    assert quantization.device_map(checkpoints.settings("m"), torch.device("cuda", 1)) == {"": "cuda:1"}
    assert quantization.device_map(checkpoints.settings("m", device="balanced"), torch.device("cuda")) == "balanced"
