"""The engine of transformers: adapters, memory, and refusals."""

from pathlib import Path
from typing import Any

import checkpoints
import pytest
import torch
from asking import requests, texts
from tuning import answers, tune

from nnloop.errors import ModelError, SettingsError
from nnloop.llm import Request, adapters
from nnloop.llm.hf import HfEngine
from nnloop.llm.memory_forecast import shape_of
from nnloop.records import Prompt

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_prompt_that_does_not_fit_is_refused_whole(folders: dict[str, Path]) -> None:
    engine = HfEngine(checkpoints.settings(folders["qwen"], context_length=100), "delta")
    long = Request(Prompt("x " * 100, "b", "delta"), "", 0, 0, 0)
    assert not engine.fits(long.prompt.text)
    with pytest.raises(SettingsError, match=r"llm\.context_length=100: .* llm\.max_new_tokens\.delta=24"):
        next(engine.generate([long]))


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


def test_a_fresh_engine_with_the_adapter_answers_as_the_one_that_tuned_it(
    engine: HfEngine, folders: dict[str, Path], tmp_path: Path
) -> None:
    tune(engine, tmp_path / "a")
    fresh = HfEngine(checkpoints.settings(folders["qwen"]), "delta")
    fresh.use_adapter(tmp_path / "a")
    assert answers(fresh) == answers(engine)


def test_a_search_can_start_from_an_earlier_runs_adapter(
    engine: HfEngine, folders: dict[str, Path], tmp_path: Path
) -> None:
    first = tune(engine, tmp_path / "a", epochs=8)
    started = HfEngine(checkpoints.settings(folders["qwen"], adapter=str(tmp_path / "a")), "delta")
    assert started.adapter == first.adapter
    assert answers(started) == answers(engine)
    second = tune(started, tmp_path / "b", epochs=1)
    assert adapters.read_lineage(tmp_path / "b").parent == first.adapter
    started.use_adapter(None)
    assert started.adapter == first.adapter != second.adapter


def test_an_offloaded_engine_frees_its_memory_and_answers_as_before(folders: dict[str, Path], tmp_path: Path) -> None:
    import weakref

    from nnloop.llm import adapters

    source = HfEngine(checkpoints.settings(folders["qwen"]), "delta")
    adapters.save(_nudged(source), tmp_path / "a", adapters.Lineage("", None, "m", None, {}, 0))
    loaded, freed = (
        HfEngine(checkpoints.settings(folders["qwen"], offload=offload), "delta") for offload in (False, True)
    )
    for engine in (loaded, freed):
        engine.use_adapter(tmp_path / "a")
        assert engine._model is not engine._base
    model = weakref.ref(freed._base)
    before = texts(freed.generate(requests(4)))
    for engine in (loaded, freed):
        engine.offload()
    assert model() is None
    assert loaded._base is not None
    assert freed.fits("a short prompt")
    assert texts(freed.generate(requests(4))) == before == texts(loaded.generate(requests(4)))
    assert freed.adapter == loaded.adapter


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


def test_closing_lets_go_of_the_model(folders: dict[str, Path]) -> None:
    import weakref

    engine = HfEngine(checkpoints.settings(folders["qwen"]), "delta")
    model = weakref.ref(engine.bare())
    engine.close()
    assert model() is None
