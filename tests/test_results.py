"""The README's tables of results are made from kept summaries: python tests/test_results.py prints them."""

from paths import ROOT

from nnloop.measures import ADMITTED, GENERATED, TOKENS_EACH, VALID
from nnloop.records import Interval
from nnloop.report.measures.compare import Comparison, Difference, compare, over_seeds
from nnloop.report.measures.read import read, read_all
from nnloop.report.measures.validation import p_text, read_validations

RESULTS = ROOT / "sweeps/results"
LAST = 5  # cycles
NAMES = {"lora": "tuned", "off": "frozen"}
SHOWN = {
    "valid": 100,
    "mean": 100,
    "mean of all": 100,
    "mean of all new": 100,
    "best of equal numbers": 100,
    "distinct": 1,
    "Jaccard": 1,
}
RANKED = {
    "best single trial": 100,
    "test of best single trial": 100,
    "valid": 100,
    "mean": 100,
    "distinct": 1,
    "admitted": 1,
    "tokens": 1,
}
LAGGING = {"mean": 100, "mean of all": 100, "best single trial": 100, "valid": 100, "distinct": 1}
AGAINST = {
    "valid": 100,
    "mean": 100,
    "mean of all": 100,
    "mean of all new": 100,
    "best of equal numbers": 100,
    "admitted": 1,
}


def comparison(sweep: str) -> Comparison:
    runs = read_all(RESULTS / f"{sweep}.jsonl.xz")
    return compare(runs, runs[0].protocol, LAST)


def name(parts: dict[str, str]) -> str:
    return "random" if parts["llm"] == "random" else NAMES[parts["finetune"]]


def text(interval: Interval, scale: int, sign: str = "") -> str:
    digits = 1 if scale == 100 or interval.value > 2 or sign else 2
    value, low, high = (f"{end * scale:{sign}.{digits}f}" for end in (interval.value, interval.low, interval.high))
    return f"{value} [{low}, {high}]"


def arms(found: Comparison) -> str:
    rows = [
        f"| {final.arm.runs[0].setting('mode.name')} | {name(final.arm.parts)} | "
        + " | ".join(text(final.measures[key].as_interval, scale) for key, scale in SHOWN.items())
        for final in found.final
    ]
    return "".join(f"{row} |\n" for row in sorted(rows))


def differences(found: Comparison) -> str:
    """Of the tuned arms from the others of their mode."""
    table: dict[tuple[str, str], dict[str, str]] = {}
    for row in found.differences:
        modes, names = zip(*((arm.parts["mode"], name(arm.parts)) for arm in (row.first, row.second)), strict=True)
        if modes[0] == modes[1] and "tuned" in names and row.measure.name in AGAINST:
            (other,) = set(names) - {"tuned"}
            table.setdefault((modes[0], other), {})[row.measure.name] = cell(row, flip=names[1] == "tuned")
    return "".join(
        f"| {mode} | {other} | " + " | ".join(cells[key] for key in AGAINST) + " |\n"
        for (mode, other), cells in sorted(table.items())
    )


def cell(row: Difference, flip: bool) -> str:
    """Return a difference with its interval; a star marks one that Holm's adjustment leaves below 5%."""
    one = row.interval
    turned = Interval(-one.value, -one.high, -one.low) if flip else one
    return text(turned, AGAINST[row.measure.name], "+") + (" *" if row.p_holm < 0.05 else "")


def system(parts: dict[str, str]) -> str:
    """Which of sweeps/strategies.yaml's an arm is."""
    if parts["llm"] == "random":
        return "random_search"
    if parts["finetune"] == "lora":
        return f"strict_{parts['mode']}"
    return "strict_memory" if parts["context"] == "memory" else "best_of_n"


def rankings(found: Comparison, kind: str) -> str:
    """What the systems reached within one budget, best first."""
    names = {arm.name: system(arm.parts) for arm in found.arms}
    _, ranked = found.rankings[kind]
    return "".join(
        f"| {names[one.arm]} | {one.completions.value:.0f} | "
        + " | ".join(text(one.measures[key].as_interval, scale) for key, scale in RANKED.items())
        + " |\n"
        for one in ranked
    )


def staleness(found: Comparison) -> str:
    """Time of a search and quality of its last cycles by how many results a prompt may miss."""
    rows = []
    for final in found.final:
        setting = final.arm.parts["search.staleness"].replace("None", "null")
        minutes = over_seeds([run.seconds / 60 for run in final.arm.runs])
        assert minutes
        cells = [text(final.measures[key].as_interval, scale) for key, scale in LAGGING.items()]
        rows.append(f"| {setting} | {minutes.value:.2f} | {' | '.join(cells)} |\n")
    return "".join(sorted(rows, reverse=True))


def validations() -> str:
    rows = []
    for one in read_validations(RESULTS / "validation.jsonl.xz"):
        found = one.report
        main, test = found.correlation, found.on_test
        assert main.rho
        assert test.rho
        assert main.tau is not None
        assert found.regret is not None
        epochs = found.long.rpartition(", ")[2]
        rows.append(
            f"| {found.dataset} | {epochs} | {main.n} | {text(main.rho, 1)} | {p_text(main.p)} | "
            f"{main.tau:.2f} | {text(test.rho, 1)} | {found.first_rank}, {100 * found.regret:.1f} points |\n"
        )
    return "".join(rows)


def test_the_readme_shows_what_the_kept_validations_say() -> None:
    found = validations()
    assert found.count("\n") == 2
    assert found in (ROOT / "README.md").read_text()


def test_the_readme_shows_what_the_summaries_of_the_proof_say() -> None:
    found, readme = comparison("proof"), (ROOT / "README.md").read_text()
    assert {len(arm.by_seed) for arm in found.arms} == {8}
    assert arms(found) in readme
    assert differences(found) in readme


def test_the_readme_shows_what_the_summaries_of_the_strategies_say() -> None:
    found, readme = comparison("strategies"), (ROOT / "README.md").read_text()
    assert {len(arm.by_seed) for arm in found.arms} == {3}
    assert rankings(found, "completions") in readme
    assert rankings(found, "generated tokens") in readme


def test_the_readme_shows_what_the_summaries_of_staleness_say() -> None:
    found = comparison("staleness")
    assert {len(arm.by_seed) for arm in found.arms} == {3}
    assert staleness(found) in (ROOT / "README.md").read_text()


def test_the_readme_shows_what_the_summaries_on_cifar10_say() -> None:
    found, readme = comparison("proof_cifar10"), (ROOT / "README.md").read_text()
    assert {len(arm.by_seed) for arm in found.arms} == {3}
    assert arms(found) in readme


def test_the_readme_shows_what_the_summary_of_the_full_length_run_says() -> None:
    run = read(RESULTS / "full_length.jsonl.xz")
    first, last = run.reports[0], run.reports[-1]
    rate = run.of(VALID)
    assert isinstance(rate, Interval)
    assert first.mean_accuracy
    assert last.mean_accuracy
    valid, _, interval = text(rate, 100).partition(" ")
    means = [100 * mean.value for mean in (first.mean_accuracy, last.mean_accuracy)]
    readme = " ".join((ROOT / "README.md").read_text().split())
    for said in (
        f"on one core, {run.seconds / 60:.0f} minutes,",
        f"{run.of(GENERATED):,} completions, {valid}% {interval} valid, {run.of(ADMITTED)} admitted,",
        f"{run.of(TOKENS_EACH):.0f} tokens a diff",
        f"the mean rises from {means[0]:.1f} to {means[1]:.1f}%",
        f"the distinct new networks fall from {first.counts.distinct} to {last.counts.distinct}:",
    ):
        assert said in readme


if __name__ == "__main__":
    print(arms(comparison("proof")), differences(comparison("proof")), arms(comparison("proof_cifar10")), sep="\n")
    for kind in ("completions", "generated tokens"):
        print(rankings(comparison("strategies"), kind))
    print(staleness(comparison("staleness")), validations(), sep="\n")
