"""Several searches on one page: a row per run, curves per arm, differences between arms over the seeds they share.

An arm is everything but the seed. Runs stand together only where dataset and proxy agree: accuracies of different
protocols say nothing about each other.
"""

import json
import os
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from nnloop.records import CycleReport, Interval
from nnloop.report import svg
from nnloop.report.charts import CYCLE, card, percent_axis
from nnloop.report.html import Content, Markup, page, table, tag
from nnloop.report.page import STYLE
from nnloop.report.published import published_section
from nnloop.report.read import Figures, Run, by_protocol
from nnloop.report.svg import Axis, Point, Series
from nnloop.report.text import count, duration, interval, number, percent
from nnloop.report.validation import ValidationReport, correlation_text
from nnloop.rundir import RunDir
from nnloop.stats import paired_difference, student_mean

Arms = Mapping[str, Sequence[Run]]

COMPARED: dict[str, Callable[[Figures], float | None]] = {
    "valid rate": lambda found: found.valid.value,
    "mean accuracy": lambda found: found.mean.value if found.mean else None,
    "best accuracy": lambda found: found.best,
}
_MOST_ARMS = 6  # beyond it every arm is compared with the first alone


def overview_page(runs: Sequence[Run], out: Path, left_out: Sequence[str] = ()) -> str:
    """`left_out` names folders that could not be read, with the reason."""
    protocols = by_protocol(runs)
    title = f"{out.resolve().parent.name}: {len(runs)} run{'s' if len(runs) != 1 else ''}"
    sections: list[Content] = [tag("h1", title)]
    if len(protocols) > 1:
        sections.append(
            tag("p", "Runs of different protocols stand apart: never compare their accuracies.", class_="sub")
        )
    sections += [_protocol(members, name, out) for name, members in protocols.items()]
    sections.append(_validations(out.resolve().parent))
    sections += [tag("h2", "Behind the numbers"), published_section()]
    sections += [tag("p", "left out: ", reason, class_="sub") for reason in left_out]
    return page(f"{title} - nnloop", tag("main", sections), STYLE.read_text())


def arms_of(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs by arm, each arm's in the order of their seeds."""
    names = sorted({run.arm for run in runs})
    return {name: sorted((run for run in runs if run.arm == name), key=lambda run: run.seed) for name in names}


def _protocol(runs: Sequence[Run], name: str, out: Path) -> Markup:
    arms = arms_of(runs)
    return tag(
        "section",
        tag("h2", name),
        _runs_table(arms, out),
        _arms_table(arms) if any(len(members) > 1 for members in arms.values()) else None,
        tag("div", _charts(arms), class_="charts"),
        _differences(arms),
    )


def _validations(folder: Path) -> Markup | None:
    """What the job=validate runs beside these searches found."""
    rows = []
    for path in sorted(folder.glob("*/validation.json")):
        try:
            found = ValidationReport.from_json(json.loads(path.read_text()))
        except (OSError, KeyError, TypeError, ValueError):
            continue  # of another version
        name = tag("a", path.parent.name, href=urllib.parse.quote(f"{path.parent.name}/validation.html"))
        rows.append([name, found.dataset, found.proxy, found.long, correlation_text(found.correlation), found.rule])
    if not rows:
        return None
    head = ["validation", "dataset", "proxy", "long", "Spearman's rho with its 95% interval", "chosen"]
    return tag("section", tag("h2", "Does the proxy rank?"), table(head, rows))


def _runs_table(arms: Arms, out: Path) -> Markup:
    head = [
        *("run", "cycles", "valid, %", "mean, %", "best, %", "its test, %", "above, %", "admitted", "distinct"),
        *("tokens each", "lines each", "tokens", "time"),
    ]
    rows = [_run_row(run, out) for members in arms.values() for run in members]
    return table(head, rows)


def _run_row(run: Run, out: Path) -> list[Content]:
    found = run.figures
    return [
        tag("a", run.name, href=link(run, out), class_="name"),
        f"{len(run.reports)} of {run.setting('cycles', '?')}",
        interval(found.valid),
        interval(found.mean),
        percent(found.best, 2),
        percent(found.best_test, 2),
        interval(found.share_above),
        count(found.admitted),
        count(found.distinct),
        number(found.mean_tokens, 0),
        number(found.mean_lines, 1),
        count(found.tokens),
        duration(found.seconds),
    ]


def link(run: Run, out: Path) -> str:
    """Where the run's own page lies, relative to `out`; a name can't become another kind of address."""
    path = os.path.relpath(RunDir(run.folder.resolve()).page, out.resolve().parent)
    return urllib.parse.quote(path, safe="/")


def _arms_table(arms: Arms) -> Markup:
    rows = []
    for name, members in arms.items():
        found = [run.figures for run in members]
        cells = [_over_seeds([read(one) for one in found]) for read in COMPARED.values()]
        rows.append([name, ", ".join(str(run.seed) for run in members), *cells])
    head = ["arm", "seeds", *(f"{measure}, %" for measure in COMPARED)]
    note = tag("p", "mean over seeds with its 95% interval (Student's t; none from a single seed)", class_="sub")
    return Markup(note + table(head, rows))


def _over_seeds(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    estimate = student_mean(known)
    return interval(estimate) if estimate else percent(sum(known) / len(known) if known else None)


def _charts(arms: Arms) -> list[Markup]:
    key = svg.legend(list(arms), [colour % 8 for colour in range(len(arms))])
    seeds = max((len(members) for members in arms.values()), default=0)
    note = "mean over seeds; band: 95% over seeds" if seeds > 1 else "band: 95% within the run"
    accuracy = percent_axis("validation accuracy, %")
    drawn: list[tuple[str, Axis, Callable[[Run, CycleReport], Interval | None]]] = [
        ("Valid rate", percent_axis("valid completions, %", 0.0, 1.0), lambda run, report: report.valid_rate),
        ("Mean accuracy of the cycle", accuracy, lambda run, report: report.mean_accuracy),
        ("Best so far", accuracy, best_so_far),
        ("Admitted, cumulative", Axis("networks", low=0.0), lambda run, report: _exact(report.admitted_total)),
        ("Tokens per completion", Axis("tokens", low=0.0), lambda run, report: _exact(report.mean_tokens)),
        ("Seconds per cycle", Axis("s", low=0.0), lambda run, report: _exact(report.seconds.get("total", 0.0))),
    ]
    return [card(title, svg.line_chart(curves(arms, read), CYCLE, axis), note, key) for title, axis, read in drawn]


def _exact(value: float) -> Interval:
    return Interval(value, value, value)


def best_so_far(run: Run, report: CycleReport) -> Interval | None:
    known = [one.best_accuracy for one in run.reports if one.cycle <= report.cycle and one.best_accuracy is not None]
    return _exact(max(known)) if known else None


def curves(arms: Arms, read: Callable[[Run, CycleReport], Interval | None]) -> list[Series]:
    return [Series(name, _curve(members, read), colour % 8) for colour, (name, members) in enumerate(arms.items())]


def _curve(members: Sequence[Run], read: Callable[[Run, CycleReport], Interval | None]) -> list[Point]:
    cycles = sorted({report.cycle for run in members for report in run.reports})
    points = []
    for cycle in cycles:
        found = [read(run, report) for run in members for report in run.reports if report.cycle == cycle]
        known = [estimate for estimate in found if estimate is not None]
        if known:
            points.append(_point(cycle, known))
    return points


def _point(cycle: int, known: Sequence[Interval]) -> Point:
    """One place of an arm's curve: a run's own interval, or the interval over several seeds."""
    over = student_mean([estimate.value for estimate in known]) or known[0]
    return Point(cycle + 1, over.value, over.low, over.high, hint=f"{over.value:.4g}, {len(known)} runs")


def _differences(arms: Arms) -> Markup | None:
    """Paired over the seeds that two arms share; nothing where no two arms share two seeds."""
    names = list(arms)
    pairs = list(combinations(names, 2)) if len(names) <= _MOST_ARMS else [(names[0], name) for name in names[1:]]
    rows = [row for first, second in pairs if (row := _difference(first, second, arms))]
    if not rows:
        return None
    return tag(
        "div",
        tag("h2", "Differences between arms"),
        tag("p", "percentage points over shared seeds, 95% interval (paired, Student's t)", class_="sub"),
        table(["difference", "seeds", *COMPARED], rows),
    )


def _difference(first: str, second: str, arms: Arms) -> list[str] | None:
    a = {run.seed: run.figures for run in arms[first]}
    b = {run.seed: run.figures for run in arms[second]}
    shared = sorted(a.keys() & b.keys())
    if len(shared) < 2:
        return None
    cells = []
    for read in COMPARED.values():
        both = [(x, y) for seed in shared if (x := read(a[seed])) is not None and (y := read(b[seed])) is not None]
        cells.append(interval(paired_difference([x for x, _ in both], [y for _, y in both])))
    return [f"{first} minus {second}", ", ".join(map(str, shared)), *cells]
