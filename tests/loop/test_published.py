"""The papers' systems as published, end to end on a small scale: LEMUR's networks and trainer, a pool, hp and tr."""

import json
import subprocess
import sys
from pathlib import Path

import checkpoints
import pytest
from lemur_wheel import lemur
from raw_files import publish

from nnloop.corpus.lemur import load
from nnloop.llm.adapters import read_lineage
from nnloop.modes.hyperparameters import tagged_block
from nnloop.runs.folder import RunFolder

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

SMALL = [
    "tracker=none",
    "corpus.limit=12",
    "corpus.max_chars=4000",
    "corpus.variants=12",
    "mode.max_params=100000000",
    "corpus.trials=1",
    "cycles=2",
    "candidates=8",
]
TRAINER = ["proxy.transform=norm_flip", "proxy.own_recipe=false"]  # 256 pixels a side would take an hour here
LLM = ["llm.quantize=none", "llm.dtype=float32", "llm.context_length=8192", "llm.batch_size=4"]
TUNING = ["finetune.epochs=1", "finetune.corpus_pairs=6", "finetune.max_length=6000", "finetune.targets=auto"]


@pytest.fixture(scope="module")
def cifar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish("cifar10", tmp_path_factory.mktemp("raw"), train=600, test=100)


def search(folder: Path, *given: str) -> RunFolder:
    command = [sys.executable, "-m", "nnloop", *SMALL, f"corpus.path={lemur()}", f"hydra.run.dir={folder}", *given]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder.parent)
    assert done.returncode == 0, done.stderr[-3000:]
    return RunFolder(folder)


@pytest.mark.parametrize("overlay", ["paper_full", "paper_delta"])
def test_a_papers_system_is_tuned_before_and_after_each_cycle(overlay: str, cifar: Path, tmp_path: Path) -> None:
    """The checkpoint is random, so that it writes nothing that could be read; all around it is true."""
    model = checkpoints.make(tmp_path / "model", max_position_embeddings=8192)
    of = "dataset.of.cifar10" if overlay == "paper_delta" else "dataset"
    given = [f"experiment={overlay}", "llm=qwen", f"llm.model={model}", *LLM, *TRAINER, *TUNING]
    given += [f"{of}.root={cifar}", f"{of}.verify=false", "finetune.layers=null", "finetune.before=true"]
    given += [
        "llm.max_new_tokens.delta=2000",
        "llm.max_new_tokens.full=4000" if overlay == "paper_full" else "retries=0",
    ]
    given += ["dataset.sets=[cifar10,digits]"] if overlay == "paper_delta" else []
    run = search(tmp_path / "run", *given)
    first, second = run.reports()
    assert first.before is not None
    assert first.before.pairs > 0
    assert first.adapter == read_lineage(run.first_adapter).adapter
    assert second.adapter == read_lineage(run.adapter(0)).adapter
    assert read_lineage(run.adapter(0)).parent == first.adapter
    datasets = [entry.dataset for entry in run.entries()]
    assert len(datasets) == 16
    assert set(datasets) == ({"cifar10", "digits"} if overlay == "paper_delta" else {""})


def test_an_answer_with_hp_and_tr_trains_by_the_baselines_own_recipe(configure, cifar: Path, tmp_path: Path) -> None:
    """Every answer adds a line to its baseline, and asks for other hyperparameters and another transform."""
    given = ["dataset=pool", "dataset.sets=[cifar10]", f"dataset.of.cifar10.root={cifar}", "mode=delta", "corpus=lemur"]
    given += ["mode.prompt=paper", "mode.hp=shown", "proxy=lemur", "proxy.own_recipe=true", "incumbent.share=0"]
    given += ["dataset.of.cifar10.verify=false", "llm=scripted", "finetune=off", "corpus.limit=2", "cycles=1"]
    settings = configure("corpus=lemur", f"corpus.path='{lemur()}'").corpus
    own = {network.id: network for network in load(settings, "cifar10", tmp_path / "cache")}
    asked = tagged_block({"lr": 0.5, "batch": 8}, "echo")
    diff = "<delta>\n@@ @@\n import torch\n+import math\n</delta>"
    script = tmp_path / "script.jsonl"
    script.write_text(json.dumps({"text": asked + diff}) + "\n")
    run = search(tmp_path / "run", *given, f"llm.path={script}", "candidates=4")
    trained = [entry for entry in run.entries() if entry.result is not None]
    assert trained
    for entry in trained:
        parent = own[entry.parent.removesuffix("-cifar10")]
        assert (entry.hp, entry.transform) == (parent.hp, parent.transform)
        assert entry.hp["lr"] != 0.5
