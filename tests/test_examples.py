"""The worked examples of docs: files of the user's own, as the pages show them, and the commands that use them."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from paths import PACKAGE, ROOT

from nnloop.runs.folder import RunFolder

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

SMALL = (
    *("dataset=digits", "tracker=none", "finetune=off", "corpus.trials=1", "incumbent.share=0"),
    *("cycles=1", "candidates=2", "hydra.run.dir=run"),
)


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a language in a page."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / page).read_text(), re.S)


def run(folder: Path, command: str, *more: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of a page with further settings."""
    words = [sys.executable, *shlex.split(command)[1:], *more]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True)


def test_a_search_starts_from_networks_of_one_s_own(tmp_path: Path) -> None:
    (network,) = blocks("networks.md", "python")
    (tmp_path / "my_networks").mkdir()
    (tmp_path / "my_networks/pooled.py").write_text(network)
    from_folder, adopt, from_adopted = "".join(blocks("networks.md", "sh example")).splitlines()
    done = run(tmp_path, from_folder, *SMALL, "llm=random")
    assert done.returncode == 0, done.stderr
    (known,) = RunFolder(tmp_path / "run").corpus()
    assert known.name == "pooled"
    assert (known.val_accuracy or 0) > 0.5
    told = run(tmp_path, adopt).stdout
    adopted = told.splitlines()[0].partition("corpus.path=")[2]
    done = run(tmp_path, from_adopted.replace("<folder>", adopted), *SMALL, "llm=random", "hydra.run.dir=second")
    assert done.returncode == 0, done.stderr
    assert [network.id for network in RunFolder(tmp_path / "second").corpus()] == [known.id]


def test_a_rule_of_one_s_own_chooses_and_a_mended_one_goes_on(tmp_path: Path) -> None:
    (rule,) = blocks("parents.md", "python")
    (command,) = "".join(blocks("parents.md", "sh example")).splitlines()
    broken = rule.replace("    chosen = []\n", "    chosen = []\n    assert place.cycle == 0, 'too late'\n")
    (tmp_path / "my_rules.py").write_text(broken)
    small = (*SMALL, "llm=random", "corpus.limit=3", "cycles=2", "parents.options.best=2")
    done = run(tmp_path, command, *small)
    assert (done.returncode, done.stdout) == (2, "")
    said = done.stderr.splitlines()[-1]
    assert said.startswith(
        "nnloop: parents.rule=my_rules.py:small: raised AssertionError: too late (my_rules.py, line "
    )
    first = RunFolder(tmp_path / "run").entries()
    assert {entry.cycle for entry in first} == {0}
    (tmp_path / "my_rules.py").write_text(rule)
    done = run(tmp_path, command, *small)
    assert done.returncode == 0, done.stderr
    assert RunFolder(tmp_path / "run").entries()[: len(first)] == first
    ranked = sorted(RunFolder(tmp_path / "run").corpus(), key=lambda network: -(network.val_accuracy or 0))
    assert {entry.parent for entry in first} <= {network.id for network in ranked[:2]}


def test_an_llm_of_one_s_own_is_one_file_and_its_prompts_are_another(tmp_path: Path) -> None:
    """The weights are tiny's, under another name and with other words."""
    shutil.copytree(PACKAGE / "llm/tiny/weights", tmp_path / "my_model")
    (tmp_path / "my_conf/llm").mkdir(parents=True)
    (tmp_path / "my_conf/llm/mine.yaml").write_text(blocks("llms.md", "yaml")[0])
    (tmp_path / "my_prompts").mkdir()
    (tmp_path / "my_prompts/accuracy.txt").write_text(blocks("prompts.md", "text")[0])
    command = "".join(blocks("llms.md", "sh example")).splitlines()[0]
    small = (*SMALL, "llm.context_length=1024", "llm.max_new_tokens={delta: 16, full: 16}", "corpus.limit=2")
    done = run(tmp_path, command, *small, "mode.prompt=my_prompts", "name=own")
    assert done.returncode == 0, done.stderr
    completion = RunFolder(tmp_path / "run").read_completions(0)[0]
    assert re.search(r"Validation accuracy after one epoch of training: \d+\.\d ?%?\. Beat it\.", completion.prompt)
    assert RunFolder(tmp_path / "run").settings()["llm"]["name"] == "mine"
