"""LoRA fine-tuning: the steps, the pairs, and the adapter that results."""

from pathlib import Path
from typing import Any

import checkpoints
import pytest
import torch
from tuning import UNLIKE, answers, count_steps, pairs, tune, unlike, weights_of

from nnloop.errors import SettingsError
from nnloop.llm import adapters
from nnloop.llm.finetune import finetune
from nnloop.llm.hf import HfEngine
from nnloop.modes.pairs import TrainingPair
from nnloop.records import FinetuneResult, FinetuneStep

pytestmark = pytest.mark.usefixtures("one_thread")


def test_over_long_pairs_are_dropped_whole_and_counted(engine: HfEngine, tmp_path: Path) -> None:
    long = TrainingPair("Improve this.", "x = 1\n" * 200, "a", "b")
    tuned = finetune(
        engine, [*pairs(3), long], settings=checkpoints.lora(max_length=200), folder=tmp_path / "a", parent=None, seed=0
    )
    assert (tuned.pairs, tuned.dropped) == (3, 1)


def test_each_step_is_told_with_its_loss_and_learning_rate(engine: HfEngine, tmp_path: Path) -> None:
    steps: list[FinetuneStep] = []
    lora = checkpoints.lora(held_out=0.0)
    tuned = finetune(engine, pairs(), settings=lora, folder=tmp_path / "a", parent=None, seed=0, show=steps.append)
    assert [(one.step, one.steps) for one in steps] == [(number, tuned.steps) for number in range(1, tuned.steps + 1)]
    assert all(0 < one.lr <= lora.lr and one.loss > 0 for one in steps)
    last = steps[-tuned.steps // lora.epochs :]
    assert min(one.loss for one in last) <= (tuned.loss or 0) <= max(one.loss for one in last)


def test_the_loss_falls(engine: HfEngine, tmp_path: Path) -> None:
    losses = [tune(engine, tmp_path / str(epochs), epochs=epochs).loss for epochs in (1, 12)]
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
    assert second.loss < alone.loss


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


def test_where_no_pair_is_left_the_parent_stays_in_force(engine: HfEngine, tmp_path: Path) -> None:
    first = tune(engine, tmp_path / "a")
    second = tune(engine, tmp_path / "b", tmp_path / "a", max_length=4)
    assert (second.adapter, second.steps, second.dropped) == (first.adapter, 0, 6)
    assert not (tmp_path / "b").exists()


def test_a_finished_fine_tune_is_not_done_again(
    engine: HfEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tune(engine, tmp_path / "a")
    done = count_steps(monkeypatch)
    second = tune(engine, tmp_path / "a")
    assert (second, done) == (first, [])
    assert tune(engine, tmp_path / "a", seed=1).adapter != first.adapter


def test_accumulation_gives_the_gradient_of_the_whole_batch(engine: HfEngine, tmp_path: Path) -> None:
    whole = tune(engine, tmp_path / "a", batch_size=6, accumulation=1, dropout=0.0)
    split = tune(engine, tmp_path / "b", batch_size=2, accumulation=3, dropout=0.0)
    assert split.loss == pytest.approx(whole.loss, rel=1e-4)
    assert split.steps == whole.steps == 2


@pytest.mark.parametrize("other", [{"packing": True}, {"gradient_checkpointing": True}])
def test_packing_and_checkpointing_leave_the_gradients_as_they_are(
    engine: HfEngine, tmp_path: Path, other: dict[str, Any]
) -> None:
    plain, same = tune(engine, tmp_path / "a", dropout=0.0), tune(engine, tmp_path / "b", dropout=0.0, **other)
    assert same.loss == pytest.approx(plain.loss, rel=1e-4)
    assert same.tokens == plain.tokens
    first, second = (weights_of(tmp_path / name) for name in "ab")
    assert all(torch.allclose(first[name], second[name], atol=1e-4) for name in first)


def test_held_out_pairs_are_not_learned_from_and_their_loss_is_told(engine: HfEngine, tmp_path: Path) -> None:
    many = [TrainingPair(pair.prompt, pair.completion, "a", str(i)) for i, pair in enumerate(pairs(20))]
    tuned = finetune(
        engine, many, settings=checkpoints.lora(held_out=0.3, epochs=6), folder=tmp_path / "a", parent=None, seed=0
    )
    again = finetune(
        engine, many[10:], settings=checkpoints.lora(held_out=0.3), folder=tmp_path / "b", parent=None, seed=0
    )
    assert 10 <= tuned.pairs < 20
    assert 0 < 10 - again.pairs <= 20 - tuned.pairs  # by the network led to, so in every cycle alike
    assert tuned.held_out_loss < tuned.held_out_loss_before / 2
    whole = finetune(engine, many, settings=checkpoints.lora(held_out=0.0), folder=tmp_path / "c", parent=None, seed=0)
    assert (whole.pairs, whole.held_out_loss, whole.held_out_loss_before) == (20, None, None)


def test_the_loss_before_is_the_bare_models(engine: HfEngine, tmp_path: Path) -> None:
    settings = checkpoints.lora(held_out=0.5, lr=0.0)
    many = [TrainingPair(pair.prompt, pair.completion, "a", str(i)) for i, pair in enumerate(pairs(20))]
    learned = finetune(engine, many, settings=settings, folder=tmp_path / "a", parent=None, seed=0)
    assert learned.held_out_loss == learned.held_out_loss_before


@pytest.mark.parametrize("changes", [{"targets": ["q_proj", "head"]}, {"layers": 3}])
def test_layers_that_the_model_lacks_are_refused(engine: HfEngine, tmp_path: Path, changes: dict[str, Any]) -> None:
    key = next(iter(changes))
    names = "of that name; its linear layers are down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj"
    with pytest.raises(SettingsError, match=rf"finetune\.{key}=(head|3): .* has (no layer {names} \(auto|2$)"):
        tune(engine, tmp_path / "a", **changes)


def test_auto_tunes_the_models_own_linear_layers(engine: HfEngine, tmp_path: Path) -> None:
    tune(engine, tmp_path / "a", targets=["auto"])
    assert adapters.read_config(tmp_path / "a").target_modules == set(checkpoints.lora().targets)
    tune(engine, tmp_path / "b", tmp_path / "a", targets=["auto"])


def test_a_quantised_model_is_tuned_and_its_adapter_fits_the_plain_one(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    pytest.importorskip("bitsandbytes")
    engine = HfEngine(checkpoints.settings(folders["qwen"], quantize="nf4"), "delta")
    before = answers(engine)
    losses = [tune(engine, tmp_path / str(epochs), epochs=epochs).loss for epochs in (1, 12)]
    assert losses[1] < losses[0] / 2
    assert answers(engine) != before
    plain = HfEngine(checkpoints.settings(folders["qwen"], adapter=str(tmp_path / "12")), "delta")
    assert plain.adapter == engine.adapter
    engine.use_adapter(None)
    assert answers(engine) == before


def test_the_loss_on_everything_counts_the_prompts_tokens(engine: HfEngine, tmp_path: Path) -> None:
    part, whole = (tune(engine, tmp_path / on, loss_on=on, epochs=1) for on in ("completion", "all"))
    assert part.adapter != whole.adapter
    assert part.tokens == whole.tokens  # that went through the model
    tuned = [
        tune(engine, tmp_path / f"{on}-{packing}", loss_on=on, packing=packing, dropout=0.0, batch_size=3).loss
        for on in ("completion", "all")
        for packing in (True, False)
    ]
    assert tuned[0] == pytest.approx(tuned[1], rel=1e-4)
    assert tuned[2] == pytest.approx(tuned[3], rel=1e-4)
    assert tuned[0] != pytest.approx(tuned[2], rel=1e-2)


def test_the_best_epochs_weights_are_kept(engine: HfEngine, tmp_path: Path) -> None:
    def tuned(keep: str) -> FinetuneResult:
        settings = checkpoints.lora(**{**UNLIKE, "keep": keep})
        return finetune(engine, unlike(), settings=settings, folder=tmp_path / keep, parent=None, seed=0)

    best, last = tuned("best"), tuned("last")
    assert best.epoch is not None
    assert best.epoch < UNLIKE["epochs"]
    assert best.held_out_loss < last.held_out_loss
    assert last.epoch is None
