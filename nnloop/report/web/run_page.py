"""One search as one self-contained page."""

from collections import Counter

from nnloop.records import CycleReport, Entry
from nnloop.report.measures.read import Run
from nnloop.report.text import count, duration, interval, number, percent, why_none_admitted
from nnloop.report.web import charts
from nnloop.report.web.explorer import SCRIPT, explorer
from nnloop.report.web.html import Content, Markup, code, details, diff, page, remark, section, table, tag, tiles
from nnloop.report.web.published_section import published_section
from nnloop.settings.keys import flat

_ARM = {"llm": "llm.name", "mode": "mode.name", "finetune": "finetune.name", "parents": "parents.name", "seed": "seed"}
_SHOWN = 20  # networks with their code in the page's own text
_REASONS = 15  # rows of the table of failures


def run_page(run: Run) -> str:
    """Return the page of one search."""
    sections: list[Content] = [
        _head(run),
        _tiles(run),
        tag("div", charts.all_charts(run), class_="charts"),
        _cycles(run),
        _best(run),
        explorer(run) if run.entries else None,
        _failures(run),
        _settings(run),
        published_section(),
    ]
    return page(run.name, sections, script=SCRIPT.read_text() if run.entries else "")


def _head(run: Run) -> Markup:
    planned = int(run.setting("cycles", len(run.reports)))
    state = "" if len(run.reports) >= planned else f" · {len(run.reports)} of {planned} cycles are closed so far"
    remarks = [
        remark(", ".join(f"{key} {run.setting(path, '-')}" for key, path in _ARM.items())),
        remark(f"{run.protocol}; test accuracy is reported and never used to choose{state}"),
        remark(run.balance) if run.balance else None,
    ]
    return tag("header", tag("h1", run.name), remarks)


def _tiles(run: Run) -> Markup:
    figures, why = run.figures, why_none_admitted(run.reports)
    valid, mean, best = figures.valid, figures.mean, figures.best
    per_network = figures.tokens / figures.admitted if figures.admitted else None
    of_best = f"on test {percent(figures.best_test)} %; corpus {percent(run.corpus_best)} %"
    of_tokens = f"{number(figures.mean_lines, 1)} lines; prompts of {count(figures.mean_prompt_tokens)} tokens"
    return tiles(
        [
            (f"{percent(valid.value)} %", "valid", f"of {count(figures.generated)}; {_range(interval(valid))}"),
            (f"{percent(mean.value if mean else None)} %", "mean accuracy", _range(interval(mean))),
            (f"{percent(best)} %", "best accuracy", of_best),
            (count(figures.admitted), "admitted", why or f"of {count(figures.distinct)} distinct valid"),
            (count(figures.mean_tokens), "tokens per completion", of_tokens),
            (count(per_network), "tokens per admitted network", f"{count(figures.tokens)} in all"),
            (duration(figures.seconds), "wall time", ""),
        ]
    )


def _range(text: str) -> str:
    """Return the bracketed part of an interval."""
    return f"95%: {text.partition(' ')[2]}" if "[" in text else ""


def _cycles(run: Run) -> Markup:
    head = [
        *("cycle", "valid, %", "best, %", "mean, %", f"≥ {percent(run.threshold, 0)} %, %", "admitted", "selected"),
        *("duplicates", "tokens", "lines", "pairs", "loss", "time"),
    ]
    return section("Cycles", table(head, map(_cycle_row, run.reports)))


def _cycle_row(report: CycleReport) -> list[str]:
    return [
        str(report.cycle + 1),
        interval(report.valid_rate),
        percent(report.best_accuracy, 2),
        interval(report.mean_accuracy),
        interval(report.share_above),
        count(report.counts.admitted),
        count(report.counts.selected),
        count(report.counts.duplicates),
        number(report.mean_tokens, 0),
        number(report.mean_lines, 1),
        count(report.finetune.pairs if report.finetune else 0),
        number(report.finetune.loss if report.finetune else None),
        duration(report.costs.seconds.get("total")),
    ]


def _best(run: Run) -> Markup:
    shown = run.networks[:_SHOWN]
    note = f"the best {len(shown)} of {len(run.networks)} distinct valid networks, by validation accuracy"
    if not shown:
        note = "no completion has become a valid network yet"
    networks = (_network(run, entry, place) for place, entry in enumerate(shown, 1))
    return section("Best networks", remark(note), networks)


def _network(run: Run, entry: Entry, place: int) -> Markup:
    name, result = str(entry.candidate), entry.result
    facts = [
        f"{place}. {percent(entry.val_accuracy, 2)} %",
        f"test {percent(result.test_accuracy if result else None, 2)} %",
        f"{count(result.params if result else None)} parameters",
        f"cycle {entry.cycle + 1}",
        "admitted" if entry.admitted else "not admitted",
    ]
    title = [" · ".join(facts), " ", tag("span", name, class_="mono")]
    changes = run.diff(entry.parent, name)
    body: list[Content] = [
        remark("from ", " ← ".join(map(run.title, run.lineage(name)))),
        details(f"diff to {run.title(entry.parent)}", diff(changes), open="") if changes else None,
        details("code", code(run.code(name) or "")),
    ]
    return details(title, body, id=f"n-{name}")


def _failures(run: Run) -> Markup:
    reasons = Counter((str(entry.status), entry.reason) for entry in run.firsts if entry.reason)
    rows = [
        (status, tag("span", reason[:300]), count(times))
        for (status, reason), times in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:_REASONS]
    ]
    statuses = Counter(str(entry.status) for entry in run.firsts)
    share = [
        (status, count(times), percent(times / len(run.firsts)))
        for status, times in sorted(statuses.items(), key=lambda item: (-item[1], item[0]))
    ]
    frequent = details("most frequent reasons", table(["status", "reason", "times"], rows)) if rows else None
    return section("Statuses", table(["status", "completions", "%"], share), frequent)


def _settings(run: Run) -> Markup:
    facts = {key: value for key, value in run.meta.items() if key != "settings"}
    rows = [(key, str(value)) for node in (facts, run.meta["settings"]) for key, value in flat(node).items()]
    return section("Behind the numbers", details("settings and provenance", table(["key", "value"], rows)))
