import csv
import io
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_run import make_run

from nnloop.errors import RunFolderError
from nnloop.jobs import report as job
from nnloop.measures import ADMITTED, BEST, COMPARED, TOKENS
from nnloop.records import Status
from nnloop.report.measures.arms import arms_of, contrast, pairs
from nnloop.report.measures.compare import BUDGETS, compare, cut
from nnloop.report.measures.read import Run, read
from nnloop.report.tables import ARM_CYCLE_COLUMNS, DIFFERENCE_COLUMNS, RANKING_COLUMNS, to_csv
from nnloop.settings import ReportJobSettings

TINY: dict[str, Any] = {"name": "tiny", "engine": "hf", "temperature": 0.8}
RANDOM: dict[str, Any] = {"name": "random", "engine": "random"}
LORA, FROZEN = {"name": "lora", "rank": 8}, {"name": "off"}


def a_run(folder: Path, seed: int, cycles: int = 4, **groups: Any) -> Run:
    """A run of made-up results whose settings have these groups."""
    path = folder / f"run-{len(list(folder.glob('run-*')))}"
    make_run(path, cycles, 8, seed)
    found = read(path)
    settings = found.meta["settings"] | {"finetune": LORA, "llm": TINY} | groups
    return replace(found, meta=found.meta | {"settings": settings})


def with_accuracies(run: Run, change: Any) -> Run:
    """The run with `change` applied to the accuracy of every valid entry."""
    entries = [
        replace(entry, result=replace(entry.result, val_accuracy=change(entry.val_accuracy)))
        if entry.valid and entry.result
        else entry
        for entry in run.entries
    ]
    return replace(run, entries=entries)


@pytest.fixture
def three_arms(tmp_path: Path) -> list[Run]:
    """Tuned, frozen and random on three seeds; the tuned one is 0.1 above the frozen one in every accuracy."""
    frozen = [a_run(tmp_path, seed, finetune=FROZEN) for seed in (0, 1, 2)]
    tuned = [with_accuracies(a_run(tmp_path, seed), lambda accuracy: accuracy + 0.1) for seed in (0, 1, 2)]
    return [*tuned, *frozen, *(a_run(tmp_path, seed, llm=RANDOM) for seed in (0, 1, 2))]


def test_arms_are_named_by_what_sets_them_apart(three_arms: list[Run]) -> None:
    arms = arms_of(three_arms)
    assert [arm.name for arm in arms] == ["llm=random", "llm=tiny, finetune=lora", "llm=tiny, finetune=off"]
    assert [[run.seed for run in arm.runs] for arm in arms] == [[0, 1, 2]] * 3


def test_names_leave_out_what_is_not_needed_to_tell_arms_apart(tmp_path: Path) -> None:
    strategies: list[dict[str, Any]] = [
        {"finetune": FROZEN, "novelty": {"name": "graph"}, "search": {"staleness": 0}},
        {"finetune": LORA, "novelty": {"name": "tokens"}, "search": {"staleness": 1}},
        {"finetune": LORA, "novelty": {"name": "tokens"}, "search": {"staleness": 2}},
    ]
    found = compare([a_run(tmp_path, 0, **groups) for groups in strategies], "p")
    names = [
        "finetune=lora, search.staleness=1",
        "finetune=lora, search.staleness=2",
        "finetune=off, search.staleness=0",
    ]
    assert [arm.name.replace("llm=tiny, ", "") for arm in found.arms] == sorted(names)
    assert [arm.parts["novelty"] for arm in found.arms] == ["tokens", "tokens", "graph"]


def test_a_setting_of_one_option_alone_is_part_of_the_name(tmp_path: Path) -> None:
    runs = [a_run(tmp_path, 0, finetune=LORA | {"rank": rank}) for rank in (8, 16)]
    assert [arm.name for arm in arms_of(runs)] == ["finetune.rank=16", "finetune.rank=8"]


def test_where_a_run_ran_makes_no_arm_of_it(tmp_path: Path) -> None:
    runs = [a_run(tmp_path, i, executor={"workers": i}, tracker={"name": name}) for i, name in enumerate("ab")]
    assert [arm.name for arm in arms_of(runs)] == ["llm=tiny, mode=delta"]


def test_of_two_runs_of_one_arm_and_seed_the_longer_counts(tmp_path: Path) -> None:
    short, long = a_run(tmp_path, 0, cycles=2), a_run(tmp_path, 0, cycles=4)
    for order in ([short, long], [long, short]):
        assert [arm.runs for arm in arms_of(order)] == [[long]]


def test_arms_that_differ_in_one_setting_are_compared(three_arms: list[Run]) -> None:
    found = [contrast(*pair) for pair in pairs(arms_of(three_arms))]
    assert found == [
        "llm: random minus tiny (finetune=lora)",
        "llm: random minus tiny (finetune=off)",
        "finetune: lora minus off (llm=tiny)",
    ]


def test_a_baseline_is_compared_with_every_other_arm(three_arms: list[Run]) -> None:
    found = pairs(arms_of(three_arms), "finetune=off")
    assert [(a.name, b.name) for a, b in found] == [
        ("llm=random", "llm=tiny, finetune=off"),
        ("llm=tiny, finetune=lora", "llm=tiny, finetune=off"),
    ]
    with pytest.raises(RunFolderError, match=r"job\.baseline=finetune=no: no arm has that; there are llm=random; "):
        pairs(arms_of(three_arms), "finetune=no")


def test_a_difference_is_paired_by_seed_and_its_interval_is_a_bootstrap_over_seeds(three_arms: list[Run]) -> None:
    found = compare(three_arms, "p", last=2, baseline="finetune=off")
    (one,) = [d for d in found.differences if d.first.name == "llm=tiny, finetune=lora" and d.measure.name == "mean"]
    assert (one.seeds, one.better) == ([0, 1, 2], 3)
    for interval in (one.bootstrap, one.student):
        assert (interval.value, interval.low, interval.high) == pytest.approx((0.1, 0.1, 0.1))


def test_the_final_comparison_takes_the_mean_of_the_last_cycles(three_arms: list[Run]) -> None:
    found = compare(three_arms, "p", last=2)
    of_arm = next(one for one in found.final if one.arm.name == "llm=random")
    cycles = [[entry for entry in run.entries if entry.cycle == cycle] for run in of_arm.arm.runs for cycle in (2, 3)]
    rates = [sum(entry.valid for entry in entries) / len(entries) for entries in cycles]
    assert of_arm.measures["valid"].value == pytest.approx(sum(rates) / 6)
    assert compare(three_arms, "p").last == 1  # a quarter of four


def test_accuracy_per_completion_counts_an_invalid_one_as_zero(tmp_path: Path) -> None:
    run = a_run(tmp_path, 0)
    cycle = next(entry.cycle for entry in run.entries if not entry.valid)
    row = compare([run], "p").by_cycle[cycle].measures
    entries = [entry for entry in run.entries if entry.cycle == cycle]
    valid = [entry.val_accuracy or 0 for entry in entries if entry.valid]
    assert 0 < len(valid) < len(entries)
    assert row["mean of all"].value == pytest.approx(sum(valid) / len(entries))
    assert row["mean"].value == pytest.approx(sum(valid) / len(valid))


def test_a_repeated_network_counts_once_in_the_mean_and_each_time_per_completion(tmp_path: Path) -> None:
    run = a_run(tmp_path, 0)
    first = next(entry for entry in run.entries if entry.valid)
    twice = replace(run, entries=[first, replace(first, status=Status.DUPLICATE)])
    row = compare([twice], "p").by_cycle[0].measures
    assert (row["distinct"].value, row["valid"].value) == (1, 1.0)
    assert row["mean of all"].value == row["mean"].value == first.val_accuracy


def test_totals_and_the_best_of_a_cycle_are_those_up_to_its_end(tmp_path: Path) -> None:
    run = a_run(tmp_path, 0)
    last = compare([run], "p").by_cycle[-1].measures
    assert last["admitted"].value == run.of(ADMITTED)
    assert last["tokens"].value == run.of(TOKENS)
    assert last["best"].value == run.of(BEST)


def test_a_single_seed_has_no_interval(tmp_path: Path) -> None:
    found = compare([a_run(tmp_path, 0)], "p")
    assert all(one.interval is None for row in found.by_cycle for one in row.measures.values())
    row = next(csv.DictReader(io.StringIO(to_csv(ARM_CYCLE_COLUMNS, found.by_cycle))))
    assert row["valid"] != "" == row["valid_low"]


def test_a_ranking_cuts_every_run_at_the_budget_that_all_of_them_had(tmp_path: Path) -> None:
    stopped = {"tokens": 1, "hours": None}
    short, long = a_run(tmp_path, 0, cycles=2, finetune=FROZEN, budget=stopped), a_run(tmp_path, 0, cycles=4)
    found = compare([short, long], "p")
    budget, ranked = found.rankings["completions"]
    assert (budget, {one.completions.value for one in ranked}) == (16, {16})
    for kind, cost in BUDGETS.items():
        budget, ranked = found.rankings[kind]
        assert budget == min(sum(map(cost, run.entries)) for run in (short, long))
        best = [one.measures["best"].value for one in ranked]
        assert best == sorted(best, reverse=True)


def test_an_unfinished_run_is_in_the_curves_alone(tmp_path: Path) -> None:
    half, whole = a_run(tmp_path, 0, cycles=2, finetune=FROZEN), a_run(tmp_path, 0, cycles=4)
    found = compare([half, whole], "p")
    assert found.unfinished == 1
    assert [one.arm.name for one in found.final] == ["finetune=lora"]
    assert {row.arm for row in found.by_cycle} == {"finetune=lora", "finetune=off"}
    assert found.rankings == {}


def test_what_a_budget_pays_for_are_the_first_completions(tmp_path: Path) -> None:
    run = a_run(tmp_path, 0)
    cost = BUDGETS["generated tokens"]
    kept = cut(run.entries[::-1], cost, 500)
    assert kept == run.entries[: len(kept)]
    assert sum(map(cost, kept)) <= 500 < sum(map(cost, run.entries[: len(kept) + 1]))


def test_an_arm_that_writes_no_tokens_is_not_ranked_by_them(three_arms: list[Run]) -> None:
    silent = [
        replace(run, entries=[replace(entry, generation=replace(entry.generation, tokens=0)) for entry in run.entries])
        if run.setting("llm.name") == "random"
        else run
        for run in three_arms
    ]
    found = compare(silent, "p")
    assert [len(ranked) for _, ranked in found.rankings.values()] == [3, 2, 3]


def test_the_tables_of_a_comparison_carry_every_measure(three_arms: list[Run]) -> None:
    found = compare(three_arms, "p")
    ranked = found.rankings["completions"][1]
    for columns, rows in ((ARM_CYCLE_COLUMNS, found.by_cycle), (RANKING_COLUMNS, ranked)):
        head = to_csv(columns, rows).splitlines()[0].split(",")
        assert {measure.name for measure in COMPARED} <= set(head)
        assert {f"{measure.name}_low" for measure in COMPARED} <= set(head)
    rows = list(csv.DictReader(io.StringIO(to_csv(DIFFERENCE_COLUMNS, found.differences))))
    assert {(row["arm"], row["minus"]) for row in rows} >= {("llm=tiny, finetune=lora", "llm=tiny, finetune=off")}


def job_settings(runs: Path, summaries: Path | None = None) -> Any:
    job = ReportJobSettings("report", last_cycles=2, baseline=None)
    return SimpleNamespace(runs=str(runs), summaries=summaries and str(summaries), job=job)


def report_of(runs: Path, summaries: Path | None = None) -> Path:
    """Run the job; the folder that its page lies in."""
    out = io.StringIO()
    job.run(job_settings(runs, summaries), runs, out)
    return Path(out.getvalue().strip()).parent


def test_a_report_from_summaries_is_the_report_from_the_run_folders(tmp_path: Path) -> None:
    for llm in ("tiny", "random"):
        for seed in (0, 1):
            make_run(tmp_path / "runs" / f"{llm}-digits-delta-s{seed}", 4, 8, seed, llm=llm)
    kept = tmp_path / "kept"
    from_folders = report_of(tmp_path / "runs", kept) / "report"
    assert len(list(kept.glob("*.json"))) == 4
    from_summaries = report_of(kept) / "report"
    names = {path.name for path in from_folders.iterdir()}
    assert names >= {
        "runs-1.csv",
        "differences-1.csv",
        "ranking-1-completions.tex",
        "by-cycle-1.svg",
        "differences-1.png",
    }
    for name in names:
        assert (from_folders / name).read_bytes() == (from_summaries / name).read_bytes(), name
    assert body(from_folders.parent / "report.html") == body(from_summaries.parent / "report.html")


def body(page: Path) -> str:
    """A page below its title, without the addresses of other pages."""
    return re.sub(r'href="[^"]*"', "", page.read_text().split("</h1>")[1])


def test_a_report_from_a_pack_is_the_report_from_the_run_folders(tmp_path: Path) -> None:
    for seed in (0, 1):
        make_run(tmp_path / "runs" / f"tiny-digits-delta-s{seed}", 3, 6, seed)
    from_folders = report_of(tmp_path / "runs", tmp_path / "kept" / "sweep.jsonl.xz")
    from_pack = report_of(tmp_path / "kept" / "sweep.jsonl.xz")
    assert from_pack == tmp_path / "kept" / "sweep"
    assert {path.name for path in (from_pack / "report").iterdir()} >= {"tiny-digits-delta-s0.html", "runs-1.csv"}
    for name in ("runs-1.csv", "arms-1.csv"):
        assert (from_folders / "report" / name).read_bytes() == (from_pack / "report" / name).read_bytes()
    assert body(from_folders / "report.html") == body(from_pack / "report.html")


def test_a_summary_holds_all_that_its_run_tells_but_code_and_completions(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", 2, 8)
    report_of(run.path, tmp_path / "kept")
    found, kept = read(run.path), read(tmp_path / "kept" / "run.json")
    assert (kept.name, kept.folder, kept.reports) == (found.name, None, found.reports)
    assert [kept.of(measure) for measure in COMPARED] == [found.of(measure) for measure in COMPARED]
    assert [entry.val_accuracy for entry in kept.entries] == [entry.val_accuracy for entry in found.entries]
    assert kept.corpus_best == found.corpus_best
    best = str(found.networks[0].candidate)
    assert [kept.title(name) for name in kept.lineage(best)] == [found.title(name) for name in found.lineage(best)]
    assert kept.code(best) is None


def test_a_summary_does_not_say_where_anything_lay(tmp_path: Path) -> None:
    data = {"name": "digits", "title": "Digits", "classes": 10, "root": "/somewhere/of/mine"}
    run = make_run(tmp_path / "run", 1, 4, dataset=data, summaries="/somewhere/else")
    report_of(run.path, tmp_path / "kept")
    assert "/somewhere" not in (tmp_path / "kept" / "run.json").read_text()


def test_a_summary_without_a_valid_completion_can_be_read(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", 1, 4)
    dead = [replace(e, status=Status.UNPARSEABLE, result=None, novelty=None, candidate=None) for e in run.entries()]
    run.archive.write_text("".join(entry.line() + "\n" for entry in dead))
    report_of(run.path, tmp_path / "kept")
    assert [entry.result for entry in read(tmp_path / "kept" / "run.json").entries] == [None] * 4


def test_a_file_that_is_no_summary_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"kind": "nnloop run summary"}')
    with pytest.raises(RunFolderError, match="no run summary of this version"):
        read(tmp_path / "x.json")
