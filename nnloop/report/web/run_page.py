"""One search as one self-contained page."""

from nnloop import measures
from nnloop.measures import Measure
from nnloop.records import CycleReport, Entry
from nnloop.report.by_dataset import DATASET_HEAD, dataset_rows
from nnloop.report.failures import Reason, commonest_reasons, counted_apart, statuses
from nnloop.report.headlines import of_run
from nnloop.report.measures.arms import UNTUNED
from nnloop.report.measures.read import Run
from nnloop.report.run_panels import run_panels
from nnloop.report.text import count, duration, interval, number, percent, shown, why_none_admitted
from nnloop.report.web.charts import card
from nnloop.report.web.explorer import explorer
from nnloop.report.web.html import Content, Markup, code, details, diff, page, remark, section, table, tag, tiles
from nnloop.report.web.published_section import published_section
from nnloop.report.web.scripts import script
from nnloop.report.web.state_line import state_line
from nnloop.report.web.text_store import BlockCache
from nnloop.settings.keys import flat
from nnloop.stats import noise_of

_ARM = {"llm": "llm.name", "mode": "mode.name", "finetune": "finetune.name", "parents": "parents.name", "seed": "seed"}
_BY_CYCLE = (
    *(measures.VALID, measures.BEST, measures.MEAN, measures.ABOVE, measures.ADMITTED, measures.SELECTED),
    *(measures.DUPLICATES, measures.TOKENS_EACH, measures.LINES_EACH),
)
SCRIPT = ("base", "live", "texts", "dagre", "graph", "tree", "explorer", "dialog", "run")
"""Parts of the page's script."""
_SHOWN = 20  # networks with their code in the page's own text
_REASONS = 15  # rows of the table of failures


def run_page(run: Run, cache: BlockCache) -> str:
    """Return the page of one search."""
    completions, data = explorer(run, cache) if run.entries else (None, "")
    sections: list[Content] = [
        _head(run),
        _tiles(run),
        tag("div", map(card, run_panels(run)), class_="charts"),
        _cycles(run),
        _by_dataset(run) if run.datasets else None,
        section("Tree", id="tree", hidden="") if run.entries else None,
        _best(run),
        completions,
        _failures(run),
        _settings(run),
        published_section([run]),
    ]
    return page(run.name, sections, script=script(*SCRIPT) if run.entries else "", data=data)


def _head(run: Run) -> Markup:
    arm = {key: run.setting(path, "-") for key, path in _ARM.items()}
    if run.setting("llm.engine") in UNTUNED:
        del arm["finetune"]
    remarks = [
        tag("p", of_run(run), class_="headline"),
        state_line(run),
        remark(", ".join(f"{key} {value}" for key, value in arm.items())),
        remark(f"{run.protocol}; test accuracy is reported and never used to choose; intervals are this run's alone"),
        remark(run.balance) if run.balance else None,
        remark(run.outdated) if run.outdated else None,
    ]
    return tag("header", tag("h1", run.name), remarks)


def _tiles(run: Run) -> Markup:
    def text(measure: Measure) -> str:
        return shown(measure, run.of(measure))

    valid, mean, tested = text(measures.VALID), text(measures.MEAN), text(measures.TEST_OF_BEST)
    of_valid = "; ".join(filter(None, (f"of {text(measures.GENERATED)}", _range(valid))))
    of_admitted = why_none_admitted(run.reports) or f"of {text(measures.DISTINCT)} distinct valid"
    of_tokens = f"{text(measures.LINES_EACH)} lines; prompts of {text(measures.PROMPT_TOKENS_EACH)} tokens"
    in_all = f"{text(measures.TOKENS)} in all"
    return tiles(
        [
            (f"{valid.partition(' ')[0]} %", "valid", of_valid),
            (f"{mean.partition(' ')[0]} %", "mean accuracy", _range(mean)),
            *_incumbent(run),
            (f"{text(measures.BEST)} %", "best of a single trial", f"on test {tested} %; {_corpus(run)}"),
            (text(measures.ADMITTED), "admitted", of_admitted),
            (text(measures.TOKENS_EACH), "tokens per completion", of_tokens),
            (text(measures.TOKENS_PER_ADMITTED), "tokens per admitted network", in_all),
            (duration(run.seconds), "wall time", ""),
        ]
    )


def _incumbent(run: Run) -> list[tuple[str, str, str]]:
    known = run.incumbent
    if known is None:
        return []
    told = f"{_range(interval(known.validation))}; single trial {percent(known.claimed)} %"
    tested = f"{_range(interval(known.test))}; {len(known.test_accuracies)} seeds of its own"
    return [
        (f"{percent(known.validation.value)} %", "incumbent, validation", told),
        (f"{percent(known.test.value)} %", "incumbent, test", tested),
    ]


def _corpus(run: Run) -> str:
    """Return the best of the corpus, with the noise of one trial if its networks were tried several times."""
    noise = noise_of(list(run.corpus.values()))
    told = "" if noise is None else f", one trial's deviation {percent(noise)} points"
    return f"corpus {percent(run.corpus_best)} %{told}"


def _range(text: str) -> str:
    """Return the bracketed part of an interval."""
    return f"95%: {text.partition(' ')[2]}" if "[" in text else ""


def _cycles(run: Run) -> Markup:
    head = ["cycle", *(measure.heading for measure in _BY_CYCLE), "pairs", "loss", "time"]
    before = run.reports[0].before if run.reports else None
    tuned = f"; before the first cycle the LLM learned {before.pairs} pairs of the corpus" if before else ""
    note = remark(f"above: at or above {run.bar}{tuned}")
    beside = run.page.with_suffix("") / "cycles.csv"
    csv = remark(tag("a", "as CSV", href=f"./{beside.parent.name}/{beside.name}")) if beside.exists() else None
    return section("Cycles", [note, csv], table(head, (_cycle_row(run, report) for report in run.reports)))


def _by_dataset(run: Run) -> Markup:
    """Return the measures of each dataset of a pool; accuracies of different ones may not stand side by side."""
    note = remark("each completion belongs to one dataset; admitted by that dataset's threshold")
    return section("By dataset", note, table(DATASET_HEAD, dataset_rows(run)))


def _cycle_row(run: Run, report: CycleReport) -> list[str]:
    tuned = report.finetune
    return [
        f"{report.cycle + 1}, open" if report.cycle == run.open_cycle else str(report.cycle + 1),
        *(shown(measure, measure.of_cycle(report)) for measure in _BY_CYCLE),
        count(tuned.pairs if tuned else None),
        number(tuned.loss if tuned else None),
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
        details(f"from {run.title(entry.parent)} to {name}", diff(changes), open="") if changes else None,
        details("code", code(source)) if (source := run.code(name)) else None,
    ]
    return details(title, body, id=f"n-{name}")


def _failures(run: Run) -> Markup:
    counts = statuses(run.entries)
    total = sum(times for _, times in counts)
    share = [(status, count(times), percent(times / total)) for status, times in counts]
    apart = counted_apart(run.reports)
    note = remark(f"of the answers, {apart}") if apart else None
    kinds = commonest_reasons(run.entries, _REASONS)
    gallery = (tag("h3", "Failures by reason"), map(_kind, kinds)) if kinds else None
    return section("Statuses", table(["status", "completions", "%"], share), [note, gallery])


def _kind(reason: Reason) -> Markup:
    """Return a kind of failure with its first answers."""
    title = [tag("b", count(reason.times)), f" {reason.status}: ", tag("span", reason.example[:300], class_="reason")]
    links = (
        [tag("a", f"{one.cycle + 1}.{one.slot + 1}", href=f"#c-{one.cycle + 1}-{one.slot + 1}"), " ", one.reason[:600]]
        for one in reason.entries
    )
    return details(title, (tag("p", link, class_="reason") for link in links))


def _settings(run: Run) -> Markup:
    facts = {key: value for key, value in run.meta.items() if key != "settings"}
    rows = [(key, str(value)) for node in (facts, run.meta["settings"]) for key, value in flat(node).items()]
    return section(
        "Behind the numbers", details("settings and provenance", table(["key", "value"], rows, class_="words"))
    )
