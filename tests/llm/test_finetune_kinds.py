"""LoRA over other layers, dtypes and quantised weights, and from an earlier adapter."""

from pathlib import Path

import checkpoints
import pytest
import torch
from tuning import answers, tune

from nnloop.llm import adapters
from nnloop.llm.hf import HfEngine

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("tied", [True, False])
def test_the_output_layer_can_be_tuned_too(tmp_path: Path, tied: bool) -> None:
    """Paper B tunes lm_head; here it may share the embedding's weights, which must stay."""
    folder = checkpoints.make(tmp_path / "model", tie_word_embeddings=tied)
    engine = HfEngine(checkpoints.settings(folder), "delta")
    before = answers(engine)
    tune(engine, tmp_path / "a", targets=["q_proj", "lm_head"])
    fresh = HfEngine(checkpoints.settings(folder, adapter=str(tmp_path / "a")), "delta")
    assert answers(fresh) == answers(engine) != before
    plain = adapters.attach(HfEngine(checkpoints.settings(folder), "delta").bare(), tmp_path / "a").eval()
    ids = torch.arange(12)[None]
    assert torch.allclose(plain(input_ids=ids).logits, fresh._model(input_ids=ids).logits, atol=1e-4)
    engine.use_adapter(None)
    assert answers(engine) == before


def test_a_bfloat16_model_keeps_its_weights_under_an_active_adapter(folders: dict[str, Path], tmp_path: Path) -> None:
    engine = HfEngine(checkpoints.settings(folders["qwen"], dtype="bfloat16"), "delta")
    before, answered = {n: w.clone() for n, w in engine.bare().named_parameters()}, answers(engine)
    first = tune(engine, tmp_path / "a")
    tuned = answers(engine)
    assert tuned != answered
    second = tune(engine, tmp_path / "b", tmp_path / "a")
    assert second.learned.loss < first.learned.loss
    engine.use_adapter(tmp_path / "a")
    assert answers(engine) == tuned
    engine.use_adapter(None)
    assert all(torch.equal(before[name], weight) for name, weight in engine.bare().named_parameters())


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


def test_a_quantised_model_is_tuned_and_its_adapter_fits_the_plain_one(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    pytest.importorskip("bitsandbytes")
    engine = HfEngine(checkpoints.settings(folders["qwen"], quantize="nf4"), "delta")
    before = answers(engine)
    losses = [tune(engine, tmp_path / str(epochs), epochs=epochs).learned.loss for epochs in (1, 12)]
    assert losses[1] < losses[0] / 2
    assert answers(engine) != before
    plain = HfEngine(checkpoints.settings(folders["qwen"], adapter=str(tmp_path / "12")), "delta")
    assert plain.adapter == engine.adapter
    engine.use_adapter(None)
    assert answers(engine) == before
