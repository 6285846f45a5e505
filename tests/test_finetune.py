from collections.abc import Iterator
from pathlib import Path
from typing import Any

import checkpoints
import pytest
import torch

from nnloop.errors import ModelError, SettingsError
from nnloop.llm import Request, adapters
from nnloop.llm.batches import bins, completion_loss, groups, packed, padded
from nnloop.llm.chat import Example, example
from nnloop.llm.finetune import Tuned, finetune
from nnloop.llm.hf import HfEngine
from nnloop.llm.optimizer import cosine
from nnloop.modes.pairs import Pair
from nnloop.records import Prompt


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small models are slower on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: checkpoints.make(tmp_path_factory.mktemp(kind), kind) for kind in checkpoints.KINDS}


@pytest.fixture
def engine(folders: dict[str, Path]) -> HfEngine:
    return HfEngine(checkpoints.settings(folders["qwen"]), "delta")


def pairs(count: int = 6) -> list[Pair]:
    return [Pair(f"Improve {i}.", f"<delta>\n-x = {i}\n+y = {i}\n</delta>", "a", "b") for i in range(count)]


def requests() -> list[Request]:
    return [Request(Prompt(f"Improve {slot}.", "a", "delta"), "", 0, slot, slot) for slot in range(4)]


def answers(engine: HfEngine) -> dict[int, tuple[str, str | None]]:
    return {one.slot: (one.text, one.adapter) for one in engine.generate(requests())}


def tune(engine: HfEngine, folder: Path, parent: Path | None = None, seed: int = 0, **changes: Any) -> Tuned:
    return finetune(engine, pairs(), checkpoints.lora(**changes), folder, parent, seed)


# What is learned


@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_the_loss_is_on_the_completions_tokens_and_no_other(folders: dict[str, Path], kind: str) -> None:
    engine = HfEngine(checkpoints.settings(folders[kind]), "delta")
    examples = [
        example(engine.tokenizer, pair.prompt * 3**i, pair.completion, engine.ends) for i, pair in enumerate(pairs(3))
    ]
    model = engine.bare()
    by_hand = 0.0
    for one in examples:
        logits = model(input_ids=torch.tensor([one.prompt + one.completion])).logits[0].log_softmax(-1)
        for place, token in enumerate(one.completion, start=len(one.prompt)):
            by_hand -= float(logits[place - 1, token])
    for batch in (padded(examples, model.device), packed(examples, model.device)):
        assert float(completion_loss(model, batch)) == pytest.approx(by_hand, rel=1e-4)
        learned = [label for row in batch.labels.tolist() for label in row if label >= 0]
        assert learned == [token for one in examples for token in one.completion]


def test_over_long_pairs_are_dropped_whole_and_counted(engine: HfEngine, tmp_path: Path) -> None:
    long = Pair("Improve this.", "x = 1\n" * 200, "a", "b")
    tuned = finetune(engine, [*pairs(3), long], checkpoints.lora(max_length=200), tmp_path / "a", None, 0)
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


# How


def test_every_example_is_learned_once_an_epoch() -> None:
    import random

    examples = [Example([1] * i, [2]) for i in range(1, 60)]
    dealt = list(groups(examples, 4, random.Random(0)))
    assert sorted(len(one) for group in dealt for one in group) == [len(one) for one in examples]
    assert all(len(group) <= 4 for group in dealt)


def test_the_learning_rate_rises_and_falls() -> None:
    factors = [cosine(step, 3, 30) for step in range(30)]
    assert factors[:4] == [0.25, 0.5, 0.75, 1.0]
    assert factors[3:] == sorted(factors[3:], reverse=True)
    assert factors[-1] < 0.01


def test_a_long_warm_up_ends_in_the_middle() -> None:
    assert max(range(10), key=lambda step: cosine(step, 20, 10)) == 5


def test_accumulation_gives_the_gradient_of_the_whole_batch(engine: HfEngine, tmp_path: Path) -> None:
    whole = tune(engine, tmp_path / "a", batch_size=6, accumulation=1, dropout=0.0)
    split = tune(engine, tmp_path / "b", batch_size=2, accumulation=3, dropout=0.0)
    assert split.learned.loss == pytest.approx(whole.learned.loss, rel=1e-4)
    assert split.learned.steps == whole.learned.steps == 2


@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_packed_pairs_do_not_see_each_other(folders: dict[str, Path], kind: str) -> None:
    engine = HfEngine(checkpoints.settings(folders[kind]), "delta")
    examples = [
        example(engine.tokenizer, pair.prompt * 2**i, pair.completion, engine.ends) for i, pair in enumerate(pairs(3))
    ]
    row = packed(examples, engine.bare().device)
    together = engine.bare()(input_ids=row.ids, use_cache=False, **row.layout).logits[0]
    alone = [engine.bare()(input_ids=padded([one], engine.bare().device).ids).logits[0] for one in examples]
    assert torch.allclose(together, torch.cat(alone), atol=1e-4)


def test_rows_are_filled_without_cutting_a_pair() -> None:
    examples = [Example([0] * (length - 1), [1]) for length in (5, 9, 2, 7, 4, 3)]
    rows = bins(examples, 10)
    assert sorted(len(one) for row in rows for one in row) == [2, 3, 4, 5, 7, 9]
    assert [sum(map(len, row)) for row in rows] == [9, 10, 9, 2]


@pytest.mark.parametrize("other", [{"packing": True}, {"gradient_checkpointing": True}])
def test_packing_and_checkpointing_leave_the_gradients_as_they_are(
    engine: HfEngine, tmp_path: Path, other: dict[str, Any]
) -> None:
    plain, same = tune(engine, tmp_path / "a", dropout=0.0), tune(engine, tmp_path / "b", dropout=0.0, **other)
    assert same.learned.loss == pytest.approx(plain.learned.loss, rel=1e-4)
    assert same.learned.tokens == plain.learned.tokens
    first, second = (weights_of(tmp_path / name) for name in "ab")
    assert all(torch.allclose(first[name], second[name], atol=1e-4) for name in first)


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    found: dict[str, torch.Tensor] = load_file(folder / adapters.WEIGHTS)
    return found


def test_held_out_pairs_are_not_learned_from_and_their_loss_is_told(engine: HfEngine, tmp_path: Path) -> None:
    many = [Pair(pair.prompt, pair.completion, "a", str(i)) for i, pair in enumerate(pairs(20))]
    tuned = finetune(engine, many, checkpoints.lora(held_out=0.3, epochs=6), tmp_path / "a", None, 0)
    again = finetune(engine, many[10:], checkpoints.lora(held_out=0.3), tmp_path / "b", None, 0)
    assert 10 <= tuned.pairs < 20
    assert 0 < 10 - again.pairs <= 20 - tuned.pairs  # by the network led to, so in every cycle alike
    assert tuned.learned.held_out_loss < tuned.learned.held_out_loss_before / 2
    whole = finetune(engine, many, checkpoints.lora(held_out=0.0), tmp_path / "c", None, 0)
    assert (whole.pairs, whole.learned.held_out_loss, whole.learned.held_out_loss_before) == (20, None, None)


def test_the_loss_before_is_the_bare_models(engine: HfEngine, tmp_path: Path) -> None:
    settings = checkpoints.lora(held_out=0.5, lr=0.0)
    many = [Pair(pair.prompt, pair.completion, "a", str(i)) for i, pair in enumerate(pairs(20))]
    learned = finetune(engine, many, settings, tmp_path / "a", None, 0).learned
    assert learned.held_out_loss == learned.held_out_loss_before


@pytest.mark.parametrize("changes", [{"targets": ["q_proj", "head"]}, {"layers": 3}])
def test_layers_that_the_model_lacks_are_refused(engine: HfEngine, tmp_path: Path, changes: dict[str, Any]) -> None:
    key = next(iter(changes))
    with pytest.raises(SettingsError, match=rf"finetune\.{key}=(head|3): .* has"):
        tune(engine, tmp_path / "a", **changes)


def test_the_8_bit_optimizer_learns_too(engine: HfEngine, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    losses = [
        tune(engine, tmp_path / str(epochs), epochs=epochs, optimizer="paged_adamw_8bit").learned for epochs in (1, 12)
    ]
    assert {learned.optimizer for learned in losses} == {"paged_adamw_8bit"}
    assert losses[1].loss < losses[0].loss / 2


def test_without_bitsandbytes_the_8_bit_optimizer_is_refused(
    engine: HfEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"finetune\.optimizer=paged_adamw_8bit: needs bitsandbytes"):
        tune(engine, tmp_path / "a", optimizer="paged_adamw_8bit")


# Killed and taken up again


@pytest.mark.parametrize("optimizer", ["adamw", "paged_adamw_8bit"])
@pytest.mark.parametrize("steps", [1, 4])
def test_a_fine_tune_killed_in_the_middle_goes_on_to_the_same_adapter(
    engine: HfEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, optimizer: str
) -> None:
    if optimizer != "adamw":
        pytest.importorskip("bitsandbytes")
    changes = {"checkpoint_minutes": 0, "optimizer": optimizer, "held_out": 0.0}
    whole = tune(engine, tmp_path / "whole", **changes)
    assert not list(tmp_path.glob("*.pt*"))
    with monkeypatch.context() as patch:
        kill_in_step(patch, steps + 1)
        with pytest.raises(KeyboardInterrupt):
            tune(engine, tmp_path / "cut", **changes)
    assert [path.name for path in tmp_path.glob("cut*")] == ["cut.partial.pt"]
    done = count_steps(monkeypatch)
    cut = tune(engine, tmp_path / "cut", **changes)
    assert len(done) == whole.learned.steps - steps
    assert (cut.adapter, cut.learned) == (whole.adapter, whole.learned)
    assert not list(tmp_path.glob("*.pt*"))


def test_a_checkpoint_of_another_fine_tune_is_not_taken_up(
    engine: HfEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        kill_in_step(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            tune(engine, tmp_path / "a", checkpoint_minutes=0)
    done = count_steps(monkeypatch)
    other = tune(engine, tmp_path / "a", checkpoint_minutes=0, seed=1)
    assert len(done) == other.learned.steps


def test_a_finished_fine_tune_is_not_done_again(
    engine: HfEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tune(engine, tmp_path / "a")
    done = count_steps(monkeypatch)
    second = tune(engine, tmp_path / "a")
    assert (second.adapter, second.learned, done) == (first.adapter, first.learned, [])
    assert tune(engine, tmp_path / "a", seed=1).adapter != first.adapter


def kill_in_step(patch: pytest.MonkeyPatch, number: int) -> None:
    """Interrupt the process in the forward pass of an optimizer step; they count from 1, at one batch each."""
    calls = []

    def dying(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == number:
            raise KeyboardInterrupt
        return completion_loss(*arguments)

    patch.setattr("nnloop.llm.finetune.completion_loss", dying)


def count_steps(patch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        return completion_loss(*arguments)

    patch.setattr("nnloop.llm.finetune.completion_loss", counted)
    return calls


# Other kinds of adapters and weights


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
