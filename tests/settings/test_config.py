"""Every YAML composes, and whatever is wrong is one clear error."""

import itertools
import re
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from paths import ROOT

from nnloop.errors import SettingsError
from nnloop.naming import run_subfolder
from nnloop.settings.bounds import ranges
from nnloop.settings.load import load
from nnloop.tracking.metrics import METRICS

OPTIONS = sorted(path.relative_to(ROOT / "conf") for path in (ROOT / "conf").glob("*/*.yaml"))
NEEDED = {
    "llm=scripted": ["llm.path=x.jsonl"],
    "llm=openai": ["finetune=off"],
    "job=evaluate": ["candidate=x.py"],
    "job=report": ["runs=x"],
    "job=validate": ["runs=x"],
    "job=export": ["runs=x", "to=y"],
    "job=adopt": ["folder=x"],
    "corpus=adopted": ["corpus.path=x"],
}


@pytest.mark.parametrize("option", OPTIONS, ids=str)
def test_every_option_composes_and_is_valid(option: Path, configure) -> None:
    override = f"{option.parent}={option.stem}"
    assert configure(override, *NEEDED.get(override, [])) is not None


@pytest.mark.parametrize("sweep", sorted((ROOT / "sweeps").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_sweep_composes_and_its_jobs_are_valid(sweep: Path) -> None:
    """Of a large grid, jobs that bring two values together for the first time, seeds aside, stand for all."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.overrides_parser import OverridesParser

    with initialize_config_dir(str(ROOT / "sweeps"), version_base="1.3"):
        search_path = [f"hydra.searchpath=[file://{ROOT / 'conf'}]"]
        config = compose(sweep.stem, overrides=search_path, return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        params = [f"{key}={value}" for key, value in config.hydra.sweeper.params.items()]
        parsed = OverridesParser.create().parse_overrides(params)
        batches = BasicSweeper.split_arguments(parsed, max_batch_size=None)
        jobs = [overrides for batch in batches for overrides in batch]
        assert len(jobs) > 1
        seen: set[tuple[str, str]] = set()
        for overrides in jobs:
            named = [override for override in overrides if not override.startswith("seed=")]
            pairs = set(itertools.combinations_with_replacement(named, 2))
            if not pairs <= seen:
                load(compose(sweep.stem, overrides=[*search_path, *overrides]))
            seen |= pairs


@pytest.mark.parametrize("sweep", sorted((ROOT / "sweeps/wandb").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_wandb_sweep_starts_valid_jobs(sweep: Path, configure) -> None:
    content = yaml.safe_load(sweep.read_text())
    assert content["command"][:4] == ["${env}", "${interpreter}", "-m", "nnloop"]
    assert content["command"][-1] == "${args_no_hyphens}"
    fixed = content["command"][4:-1]
    choices = {key: one.get("values") or [one["min"], one["max"]] for key, one in content["parameters"].items()}
    for key, values in choices.items():
        for value in values:
            configure(*fixed, f"{key}={value}")
    metric = content.get("metric", {"name": "accuracy/best", "goal": "maximize"})
    assert metric["name"] in METRICS
    assert content["method"] in ("grid", "bayes", "random")


def test_the_slurm_launcher_composes_with_a_sites_settings() -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        site = ["hydra/launcher=slurm", "hydra.launcher.partition=gpu", "hydra.launcher.setup=[module load cuda]"]
        launcher = compose("config", overrides=site, return_hydra_config=True).hydra.launcher
    assert (launcher.partition, launcher.gres, launcher.setup) == ("gpu", "gpu:1", ["module load cuda"])
    assert launcher.max_num_timeout > 0
    assert launcher._target_.endswith("SlurmLauncher")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["seed=abc"], "seed=abc: .*Integer"),
        (["llm.temperature=warm"], "llm.temperature=warm: .*Float"),
        (["+llm.heat=1"], "llm.heat: no such setting here; allowed: .*temperature"),
        (["cycles=0"], "cycles=0: must lie between 1"),
        (["selection.rule=all"], "selection.rule=all: must be one of better, good, admitted"),
        (["llm=scripted"], "llm.path: a value is needed"),
        (["job=evaluate"], "candidate: job=evaluate needs"),
        (["finetune.name=qlora"], "finetune.name=qlora: must be one of lora, off"),
    ],
)
def test_a_wrong_setting_names_key_value_and_what_is_allowed(overrides, message, configure) -> None:
    with pytest.raises(SettingsError, match=message):
        configure(*overrides)


def test_an_overlay_says_the_last_word_but_for_the_command_line(configure) -> None:
    debug = configure("debug=one_candidate", "dataset=digits")
    assert (debug.cycles, debug.candidates, debug.name, debug.executor.workers) == (1, 1, "debug", 1)
    paper = configure("experiment=paper_full", "dataset=digits", "cycles=3")
    assert (paper.admission.min_accuracy, paper.selection.rule, paper.cycles) == (0.40, "admitted", 3)
    assert (paper.mode.name, paper.mode.max_params, paper.finetune.layers) == ("full", 500_000, 24)


def test_every_number_of_the_settings_that_can_be_out_of_range_has_bounds(configure) -> None:
    composed = configure("llm=tiny", "job=pretrain")
    bounded = {key for key, *_ in ranges(composed)}
    for group in ("job", "dataset", "proxy", "llm", "finetune", "novelty", "executor", "parents"):
        node = getattr(composed, group)
        numbers = [key for key, value in vars(node).items() if type(value) in (int, float)]
        assert {f"{group}.{key}" for key in numbers} <= bounded


def test_the_folder_names_every_override_but_those_of_place() -> None:
    overrides = ["llm=tiny", "dataset=digits", "seed=3", "finetune=off", "+llm.top_p=0.5", "executor.workers=1"]
    assert run_subfolder("", "search", "tiny", "digits", "delta", 3, overrides) == (
        "tiny-digits-delta-s3-finetune=off-llm.top_p=0.5"
    )


def test_a_job_that_can_go_on_finds_its_folder_again_and_others_get_new_ones() -> None:
    validate = run_subfolder("", "validate", "tiny", "digits", "delta", 0, ["job=validate", "runs=a/b", "seed=1"])
    assert re.fullmatch(r"validate-runs=a_b~\w+-seed=1", validate)
    assert re.fullmatch(r"evaluate-\d+-\d+", run_subfolder("", "evaluate", "tiny", "digits", "delta", 0, []))


def test_overrides_that_make_no_file_name_still_get_folders_of_their_own() -> None:
    names = {run_subfolder("", "search", "hf", "digits", "delta", 0, [f"llm.model=a{c}b"]) for c in "/:?*_"}
    assert len(names) == 5
    assert not any("/" in name for name in names)
