"""Every YAML in conf/ and sweeps/ composes and loads."""

import itertools
import shutil
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from paths import ROOT

from nnloop.settings.load import load
from nnloop.tracking.metrics import BEST_SO_FAR, UNITS

OPTIONS = sorted(path.relative_to(ROOT / "conf") for path in (ROOT / "conf").glob("*/*.yaml"))
NEEDED = {
    "llm=scripted": ["llm.path=x.jsonl"],
    "llm=openai": ["finetune=off"],
    "dataset=folder": ["dataset.root=x"],
    "dataset=npz": ["dataset.root=x"],
    "dataset=hf": ["dataset.path=x"],
    "job=evaluate": ["candidate=x.py"],
    "job=report": ["runs=x"],
    "job=validate": ["runs=x"],
    "job=incumbent": ["runs=x"],
    "job=export": ["runs=x", "to=y"],
    "job=adopt": ["folder=x"],
    "job=prompt": ["candidate=x.py"],
    "corpus=adopted": ["corpus.path=x"],
    "corpus=folder": ["corpus.path=x"],
    "corpus=empty": ["mode=full"],
    "job=watch": ["runs=x"],
    "parents=own": ["parents.rule=x.py:rule"],
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
    metric = content.get("metric", {"name": BEST_SO_FAR, "goal": "maximize"})
    assert metric["name"] in UNITS
    assert content["method"] in ("grid", "bayes", "random")


def test_the_slurm_launcher_composes_with_a_sites_settings() -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        site = ["hydra/launcher=slurm", "hydra.launcher.partition=gpu", "hydra.launcher.setup=[module load cuda]"]
        launcher = compose("config", overrides=site, return_hydra_config=True).hydra.launcher
    assert (launcher.partition, launcher.gres, launcher.setup) == ("gpu", "gpu:1", ["module load cuda"])
    assert launcher.max_num_timeout > 0
    assert launcher._target_.endswith("SlurmLauncher")


def test_an_llms_own_values_of_the_fine_tune_lie_between_lora_yaml_and_the_overlays(tmp_path: Path) -> None:
    """Every key of finetune can be among them, and none of them is there under finetune=off."""
    conf = shutil.copytree(ROOT / "conf", tmp_path / "conf")
    own = {"rank": 5, "epochs": 9, "weight_decay": 0.5, "clip_norm": 2.0, "max_length": 64, "targets": ["q_proj"]}
    own |= {"layers": 2, "optimizer": "adamw", "restart": True, "checkpoint_minutes": 7.0}
    (conf / "llm/mine.yaml").write_text((conf / "llm/qwen.yaml").read_text().replace("name: qwen", "name: mine"))
    (conf / "finetune/of/lora-mine.yaml").write_text(yaml.safe_dump(own))
    with initialize_config_dir(str(conf), version_base="1.3"):
        mine = load(compose("config", overrides=["llm=mine"])).finetune
        assert {key: getattr(mine, key) for key in own} == own
        assert (mine.accumulation, mine.name) == (8, "lora")
        paper = load(compose("config", overrides=["llm=mine", "experiment=paper_full", "finetune.rank=3"])).finetune
        assert (paper.epochs, paper.layers, paper.rank, paper.weight_decay) == (5, 24, 3, 0.5)
        assert vars(load(compose("config", overrides=["llm=mine", "finetune=off"])).finetune) == {"name": "off"}


def test_tiny_tuned_keeps_its_fine_tune_beside_a_papers_overlay(configure) -> None:
    alone = configure("experiment=tiny_tuned")
    for paper in ("strict_full", "strict_delta"):
        both = configure(f"experiment=[{paper},tiny_tuned]")
        assert both.llm == alone.llm
        assert (both.finetune.epochs, both.finetune.accumulation) == (3, 1)
        assert {**vars(both.finetune), "targets": None} == {**vars(alone.finetune), "targets": None}
