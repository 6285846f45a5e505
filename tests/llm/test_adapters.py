"""LoRA adapters on disk and in force."""

from pathlib import Path

import checkpoints
import pytest
import torch
from tuning import answers, tune

from nnloop.errors import ModelError
from nnloop.llm import adapters
from nnloop.llm.adapter_files import adapter_hash
from nnloop.llm.hf import HfEngine

pytestmark = pytest.mark.usefixtures("one_thread")


def test_plain_peft_loads_the_adapter(engine: HfEngine, folders: dict[str, Path], tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    tune(engine, tmp_path / "a")
    plain = adapters.attach(AutoModelForCausalLM.from_pretrained(folders["qwen"]), tmp_path / "a").eval()
    ids = torch.arange(12)[None]
    with torch.inference_mode():
        assert torch.allclose(plain(input_ids=ids).logits, engine._model(input_ids=ids).logits, atol=1e-4)


def test_an_adapter_of_another_model_is_refused(engine: HfEngine, folders: dict[str, Path], tmp_path: Path) -> None:
    tune(engine, tmp_path / "a")
    larger = checkpoints.make(tmp_path / "larger", hidden_size=32)
    with pytest.raises(ModelError, match="does not fit"):
        HfEngine(checkpoints.settings(larger), "delta").use_adapter(tmp_path / "a")


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
    assert second.loss < first.loss
    engine.use_adapter(tmp_path / "a")
    assert answers(engine) == tuned
    engine.use_adapter(None)
    assert all(torch.equal(before[name], weight) for name, weight in engine.bare().named_parameters())


def test_a_kill_while_saving_leaves_no_adapter(
    engine: HfEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(folder: Path) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(adapters, "adapter_hash", killed)
        with pytest.raises(KeyboardInterrupt):
            tune(engine, tmp_path / "a")
    assert not (tmp_path / "a").exists()
    tune(engine, tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_damaged_adapter_is_refused_and_none_to_find(engine: HfEngine, tmp_path: Path) -> None:
    tuned = tune(engine, tmp_path / "a")
    lineage = adapters.find_lineage(tmp_path / "a")
    assert lineage is not None
    assert lineage.adapter == tuned.adapter == adapter_hash(tmp_path / "a")
    (tmp_path / "a" / adapters.WEIGHTS).write_bytes(b"other")
    with pytest.raises(ModelError, match="damaged, its hash is not the one in"):
        adapters.read_lineage(tmp_path / "a")
    assert adapters.find_lineage(tmp_path / "a") is None
