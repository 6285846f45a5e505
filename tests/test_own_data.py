"""The worked example of docs/own_data.md is true: its code makes datasets that its commands search."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

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
