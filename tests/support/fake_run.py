"""Write a run folder of made-up results in the real formats."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from entries import generation

from nnloop.measures import summarise
from nnloop.records import (
    Candidate,
    Completion,
    Costs,
    CycleReport,
    Entry,
    FinetuneResult,
    Network,
    NoveltyVerdict,
    Status,
    TrialResult,
    candidate_id,
)
from nnloop.runs.durable import write_json
from nnloop.runs.folder import FORMAT, RunFolder

CORPUS_CODE = """import torch.nn as nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.body = nn.Conv2d(in_shape[1], {width}, 3, padding=1)
        self.head = nn.Linear({width}, out_shape[0])

    def forward(self, x):
        return self.head(self.body(x).relu().mean((2, 3)))
"""
FAILURES = (
    (Status.UNPARSEABLE, "no code in the completion"),
    (Status.PATCH_FAILED, "hunk 1: context not found"),
    (Status.BUILD_FAILED, "RuntimeError: mat1 and mat2 shapes cannot be multiplied"),
    (Status.TIMEOUT, "over 120 s"),
    (Status.DUPLICATE, "same as an earlier one"),
)


def settings(seed: int = 0, llm: str = "tiny", mode: str = "delta", **more: Any) -> dict[str, Any]:
    return {
        "job": {"name": "search"},
        "llm": {"name": llm, "engine": "hf", "temperature": 0.8},
        "dataset": {"name": "digits", "title": "Digits", "classes": 10},
        "mode": {"name": mode, "max_params": None},
        "proxy": {"name": "fast", "epochs": 1},
        "finetune": {"name": "lora"},
        "admission": {"min_accuracy": 0.6},
        "name": "search",
        "seed": seed,
        "cycles": 3,
        "candidates": 8,
    } | more


def make_run(
    path: Path,
    cycles: int = 3,
    candidates: int = 8,
    seed: int = 0,
    text: str | None = None,
    graphs: bool = False,
    **options: Any,
) -> RunFolder:
    """Make a finished run; `text` replaces every completion and every reason, with `graphs` networks have theirs."""
    run = RunFolder(path)
    for part in ("code", "completions", "cycles"):
        (path / part).mkdir(parents=True, exist_ok=True)
    meta = {"format": FORMAT, "run_id": f"fake{seed:08d}", "settings": settings(seed, **options)}
    meta |= {"versions": {"nnloop": "0.1.0"}, "commit": "abc", "python": "3.11.7"}
    write_json(run.meta, meta | {"machine": "Linux x86_64, 2 cores"})
    generator = random.Random(seed)
    corpus = _write_corpus(run, graphs)
    entries: list[Entry] = []
    for cycle in range(cycles):
        new = [_entry(run, generator, cycle, slot, corpus, text) for slot in range(candidates)]
        new = [_with_graph(entry) for entry in new] if graphs else new
        entries += new
        run.cycle(cycle).mkdir()
        write_json(run.report(cycle), report_of(cycle, new, entries).to_json())
    run.archive.write_bytes(b"".join(_bytes(entry.line()) for entry in entries))
    return run


def make_sweep(folder: Path) -> list[Path]:
    """Make finished runs of two arms and two seeds."""
    arms = [(llm, seed) for llm in ("tiny", "random") for seed in (0, 1)]
    return [make_run(folder / f"{llm}-digits-delta-s{seed}", 2, 6, seed, llm=llm).path for llm, seed in arms]


def without_valid_networks(run: RunFolder) -> None:
    """Rewrite a run of three cycles as one in which every network crashed."""
    dead = replace(run.entries()[0], status=Status.CRASHED, result=TrialResult(Status.CRASHED), admitted=False)
    run.archive.write_text("".join(replace(dead, generation=generation(slot)).line() + "\n" for slot in range(4)))
    report = summarise(0, run.entries(), admitted_before=0, min_accuracy=0.6, costs=run.reports()[0].costs)
    for cycle in range(3):
        write_json(run.report(cycle), replace(report, cycle=cycle).to_json())


def _bytes(line: str) -> bytes:
    """As the run folder's journals write a line."""
    return line.encode("utf-8", "backslashreplace") + b"\n"


def _graph(width: int) -> str:
    """Return the operator graph of a network with a residual block."""
    rows: list[Any] = [["input", "", [2, 3, 8, 8], []]]
    for inside in (3, width):
        rows.append(["convolution", f"[*,wx{width}x{inside}x3x3,None]", [2, width, 8, 8], [len(rows) - 1]])
    rows += [["add", "[*,*]", [2, width, 8, 8], [1, 2]], ["mean", "[*,[2,3]]", [2, width], [3]]]
    rows += [["t", f"[wx10x{width}]", [width, 10], []], ["addmm", "[wx10,*,*]", [2, 10], [4, 5]]]
    return json.dumps(rows)


def _with_graph(entry: Entry) -> Entry:
    if entry.result is None or not entry.valid:
        return entry
    return replace(entry, result=replace(entry.result, graph=_graph(8 + entry.slot % 5)))


def _write_corpus(run: RunFolder, graphs: bool) -> list[Network]:
    codes = [CORPUS_CODE.format(width=width) for width in (8, 16, 24)]
    corpus = [Network(candidate_id(code), code, f"plain_{i}", 0.5 + i / 20) for i, code in enumerate(codes)]
    results = [TrialResult(Status.OK, graph=_graph(8) if graphs else None) for _ in corpus]
    pairs = zip(corpus, results, strict=True)
    rows = [{"network": network.to_json(), "result": result.to_json()} for network, result in pairs]
    run.corpus_trials.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return corpus


def _entry(
    run: RunFolder, generator: random.Random, cycle: int, slot: int, corpus: list[Network], text: str | None
) -> Entry:
    parent = generator.choice(corpus)
    failed = generator.random() < 0.3
    status, reason = generator.choice(FAILURES) if failed else (Status.OK, "")
    code = parent.code.replace("padding=1", f"padding=1, bias={generator.random() < 0.5}")
    code = code.replace("relu()", f"mul({generator.random():.3f}).relu()")
    candidate = Candidate(candidate_id(code), code, "delta", parent.id, cycle, slot)
    run.code(candidate.id).write_text(code)
    facts = generation(
        slot,
        cycle,
        parent=parent.id,
        mode="delta",
        seed=slot,
        tokens=generator.randrange(20, 190),
        prompt_tokens=300,
        lines=12,
        seconds=1.5,
        adapter=None if cycle == 0 else f"adapter{cycle}",
    )
    written = Completion(facts, "Improve this network", text or f"@@\n-old {slot}\n+new {slot}\n")
    with run.completions(cycle).open("ab") as file:
        file.write(_bytes(written.line()))
    accuracy = None if failed else min(0.99, generator.gauss(0.6 + cycle / 30, 0.08))
    result = TrialResult(
        status=status,
        reason=text or reason,
        val_accuracy=accuracy,
        test_accuracy=accuracy and accuracy - 0.01,
        params=None if failed else generator.randrange(5_000, 300_000),
        flops=None if failed else 10_000_000,
        train_loss=None if failed else 1.2,
        seconds=2.5,
        peak_bytes=300_000_000,
    )
    return Entry(
        generation=facts,
        candidate=None if status is Status.UNPARSEABLE else candidate.id,
        status=status,
        reason=text or reason,
        result=None if status in (Status.UNPARSEABLE, Status.PATCH_FAILED, Status.DUPLICATE) else result,
        novelty=None if failed else NoveltyVerdict(True, generator.uniform(0.5, 1), parent.id, 0.9),
        admitted=accuracy is not None and accuracy > 0.65,
        selected=accuracy is not None and accuracy > (parent.val_accuracy or 0),
    )


def report_of(cycle: int, new: list[Entry], entries: list[Entry]) -> CycleReport:
    seconds = {
        "generate": 12.0 + cycle,
        "evaluate": 20.0,
        "finetune": 9.0,
        "trials": 30.0,
        "cpu": 33.0,
        "total": 41.0 + cycle,
    }
    return summarise(
        cycle,
        new,
        admitted_before=sum(entry.admitted for entry in entries if entry.cycle < cycle),
        min_accuracy=0.6,
        costs=Costs(
            seconds=seconds,
            tokens=sum(entry.generation.tokens for entry in new),
            prompt_tokens=sum(entry.generation.prompt_tokens for entry in new),
            peak_bytes=900_000_000,
            gpu_seconds=41.0 + cycle,
            joules=9000.0,
        ),
        finetune=FinetuneResult(
            pairs=24,
            dropped=1,
            own=8,
            own_share=0.4,
            tokens=9000,
            loss=1.0 / (cycle + 1),
            held_out_loss=1.1 / (cycle + 1),
            held_out_loss_before=1.4 / (cycle + 1),
        ),
    )


def open_last_cycle(run: RunFolder, completions: int) -> None:
    """Take back a run's last cycle but for its first completions."""
    last = len(list(run.path.glob("cycles/*"))) - 1
    run.report(last).unlink(missing_ok=True)
    kept = [entry for entry in run.entries() if entry.cycle < last or entry.slot < completions]
    run.archive.write_bytes(b"".join(_bytes(entry.line()) for entry in kept))
