"""The worked example of docs/own_data.md is true: its code makes datasets that its commands search."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from own_images import write_tree
from paths import ROOT
from trials import linux, network, trial

from nnloop import build, data
from nnloop.settings import Settings

PAGE = (ROOT / "docs/own_data.md").read_text()
CODE = re.findall(r"```python\n(.*?)```", PAGE, re.S)[0]


@pytest.mark.long
@pytest.mark.parametrize("given", ["dataset=folder dataset.root=digits", "dataset=npz dataset.root=digits.npz"])
@pytest.mark.parametrize("mode", ["delta", "full"])
def test_the_example_is_searched(given: str, mode: str, tmp_path: Path) -> None:
    assert f"{given}\n" in PAGE
    subprocess.run([sys.executable, "-c", CODE], cwd=tmp_path, check=True)
    few = ["cycles=1", "candidates=2", "corpus.limit=2", "corpus.trials=1", "incumbent.share=0"]
    more = ["llm=random", "finetune=off", "tracker=none", f"mode={mode}", "search.pareto=params", "name=own"]
    command = [sys.executable, "-m", "nnloop", *given.split(), *few, *more]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "outputs" / "own").glob("random-*")
    facts = json.loads((run / "dataset.json").read_text())
    assert facts["class_names"] == [str(number) for number in range(10)]
    assert "the median of the corpus" in (run / "report.html").read_text()
    settings = json.loads((run / "run.json").read_text())["settings"]["dataset"]
    assert (settings["classes"], settings["channels"], settings["size"], settings["mean"]) == (10, 1, 8, [0.3055])


@pytest.mark.long
@linux
def test_own_images_are_hidden_from_candidates(
    configure: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNLOOP_CACHE", str(tmp_path / "cache"))
    root = write_tree(tmp_path / "own")
    chosen = configure("dataset=folder", f"dataset.root={root}", "executor.workers=1")
    settings = replace(chosen, dataset=data.complete(chosen.dataset))
    seen = f"[p for t in ({str(tmp_path)!r}, {str(root)!r}) for p, _, _ in __import__('os').walk(t)]"
    with build.make_executor(settings, data.load(settings.dataset), tmp_path) as executor:
        honest = executor.submit(trial(network())).result()
        spy = executor.submit(trial(network(init=f"raise RuntimeError('found ' + str({seen}))"))).result()
    if "root" not in honest.sandbox and "landlock" not in honest.sandbox:
        pytest.skip(f"this machine has only {honest.sandbox}")
    assert (spy.status.value, "found []" in spy.reason) == ("build_failed", True), spy
