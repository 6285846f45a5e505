"""LoRA: what is learned, and what is saved."""

from pathlib import Path

import checkpoints
import pytest
import torch
from tuning import answers, pairs, tune

from nnloop.errors import ModelError, SettingsError
from nnloop.llm import adapters
from nnloop.llm.batches import collate_packed, collate_padded, completion_loss
from nnloop.llm.chat import encode_pair
from nnloop.llm.finetune import finetune
from nnloop.llm.hf import HfEngine
from nnloop.modes.pairs import TrainingPair

pytestmark = pytest.mark.usefixtures("one_thread")


# What is learned


@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_the_loss_is_on_the_completions_tokens_and_no_other(folders: dict[str, Path], kind: str) -> None:
    engine = HfEngine(checkpoints.settings(folders[kind]), "delta")
    examples = [
        encode_pair(engine.tokenizer, pair.prompt * 3**i, pair.completion, ends=engine.ends)
        for i, pair in enumerate(pairs(3))
    ]
    model = engine.bare()
    by_hand = 0.0
    for one in examples:
        logits = model(input_ids=torch.tensor([one.prompt + one.completion])).logits[0].log_softmax(-1)
        for place, token in enumerate(one.completion, start=len(one.prompt)):
            by_hand -= float(logits[place - 1, token])
    for batch in (collate_padded(examples, model.device), collate_packed(examples, model.device)):
        assert float(completion_loss(model, batch)) == pytest.approx(by_hand, rel=1e-4)
        learned = [label for row in batch.labels.tolist() for label in row if label >= 0]
        assert learned == [token for one in examples for token in one.completion]


def test_over_long_pairs_are_dropped_whole_and_counted(engine: HfEngine, tmp_path: Path) -> None:
    long = TrainingPair("Improve this.", "x = 1\n" * 200, "a", "b")
    tuned = finetune(
        engine, [*pairs(3), long], settings=checkpoints.lora(max_length=200), folder=tmp_path / "a", parent=None, seed=0
    )
    assert (tuned.pairs, tuned.dropped) == (3, 1)


def test_the_loss_falls(engine: HfEngine, tmp_path: Path) -> None:
    losses = [tune(engine, tmp_path / str(epochs), epochs=epochs).learned.loss for epochs in (1, 12)]
    assert losses[1] < losses[0] / 2


def test_a_tuned_engine_answers_differently_under_the_adapters_hash(engine: HfEngine, tmp_path: Path) -> None:
    before = answers(engine)
    tuned = tune(engine, tmp_path / "a")
    after = answers(engine)
    assert after != before
    assert {adapter for _, adapter in after.values()} == {tuned.adapter}


def test_the_bare_model_is_as_it_was(engine: HfEngine, tmp_path: Path) -> None:
    before, answered = {n: w.clone() for n, w in engine.bare().named_parameters()}, answers(engine)
    tune(engine, tmp_path / "a")
    engine.use_adapter(None)
    after = dict(engine.bare().named_parameters())
    assert list(after) == list(before)
    assert all(torch.equal(after[name], weight) and not after[name].requires_grad for name, weight in before.items())
    assert answers(engine) == answered


def test_only_the_first_layers_are_tuned_where_a_number_is_set(engine: HfEngine, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    tune(engine, tmp_path / "a", layers=1)
    names = load_file(tmp_path / "a" / adapters.WEIGHTS)
    assert names
    assert all(".layers.0." in name for name in names)


# What is saved


def test_plain_peft_loads_the_adapter(engine: HfEngine, folders: dict[str, Path], tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    tune(engine, tmp_path / "a")
    plain = adapters.attach(AutoModelForCausalLM.from_pretrained(folders["qwen"]), tmp_path / "a").eval()
    ids = torch.arange(12)[None]
    with torch.inference_mode():
        assert torch.allclose(plain(input_ids=ids).logits, engine._model(input_ids=ids).logits, atol=1e-4)


def test_a_fresh_engine_with_the_adapter_answers_as_the_one_that_tuned_it(
    engine: HfEngine, folders: dict[str, Path], tmp_path: Path
) -> None:
    tune(engine, tmp_path / "a")
    fresh = HfEngine(checkpoints.settings(folders["qwen"]), "delta")
    fresh.use_adapter(tmp_path / "a")
    assert answers(fresh) == answers(engine)


def test_the_same_seed_gives_the_same_adapter(engine: HfEngine, tmp_path: Path) -> None:
    torch.manual_seed(99)  # not the global one's business
    first, again, other = (tune(engine, tmp_path / str(i), seed=seed).adapter for i, seed in enumerate((1, 1, 2)))
    assert first == again != other


def test_an_adapter_names_its_parent_and_goes_on_from_it(engine: HfEngine, tmp_path: Path) -> None:
    first = tune(engine, tmp_path / "a", epochs=8)
    second = tune(engine, tmp_path / "b", tmp_path / "a", epochs=1)
    alone = tune(engine, tmp_path / "c", epochs=1)
    lineage = adapters.read_lineage(tmp_path / "b")
    assert (lineage.adapter, lineage.parent) == (second.adapter, first.adapter)
    assert adapters.read_lineage(tmp_path / "a").parent is None
    assert second.learned.loss < alone.learned.loss


def test_restart_begins_at_the_bare_model(engine: HfEngine, tmp_path: Path) -> None:
    tune(engine, tmp_path / "a", epochs=8)
    restarted = tune(engine, tmp_path / "b", tmp_path / "a", restart=True)
    assert restarted.adapter == tune(engine, tmp_path / "c").adapter
    assert adapters.read_lineage(tmp_path / "b").parent is None


def test_a_parent_of_another_shape_is_refused(engine: HfEngine, tmp_path: Path) -> None:
    before = answers(engine)
    tune(engine, tmp_path / "a", rank=2)
    with pytest.raises(SettingsError, match=r"finetune\.rank"):
        tune(engine, tmp_path / "b", tmp_path / "a", rank=4)
    assert answers(engine) == before


def test_an_adapter_of_another_model_is_refused(engine: HfEngine, folders: dict[str, Path], tmp_path: Path) -> None:
    tune(engine, tmp_path / "a")
    larger = checkpoints.make(tmp_path / "larger", hidden_size=32)
    with pytest.raises(ModelError, match="does not fit"):
        HfEngine(checkpoints.settings(larger), "delta").use_adapter(tmp_path / "a")


def test_where_no_pair_is_left_the_parent_stays_in_force(engine: HfEngine, tmp_path: Path) -> None:
    first = tune(engine, tmp_path / "a")
    second = tune(engine, tmp_path / "b", tmp_path / "a", max_length=4)
    assert (second.adapter, second.learned.steps, second.dropped) == (first.adapter, 0, 6)
    assert not (tmp_path / "b").exists()


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
