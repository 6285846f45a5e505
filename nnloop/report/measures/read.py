"""A search as reports see it, read once from its run folder or from its summary."""

import difflib
import json
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from lzma import LZMAError
from pathlib import Path
from typing import Any

from nnloop.errors import RunFolderError
from nnloop.measures import (
    ESTIMATED,
    INCUMBENT,
    PROMPT_TOKENS,
    TEST_OF_INCUMBENT,
    TOKENS,
    Measure,
    distinct,
    median_accuracy,
    summarise,
)
from nnloop.pareto import Tradeoff
from nnloop.records import Costs, CycleReport, Entry, Interval, Network, Status, TrialResult
from nnloop.report.measures import packs
from nnloop.report.measures.summaries import MARK
from nnloop.report.text import balance, percent
from nnloop.runs.digest import Digest, protocol_digest, training_code
from nnloop.runs.folder import RunFolder
from nnloop.runs.repeats import Incumbent
from nnloop.runs.state import RunState, Stage, read_state

FINISHED = RunState(Stage.FINISHED)


@dataclass(frozen=True)
class Run:
    """One search. If it is still going on, it has the cycles that are closed, and the entries of the open one apart.

    Of a summary `folder` is None, and neither completions nor the code of any but the top networks are known.
    """

    name: str
    path: Path  # the run folder or the summary; for one in a pack the file that its summary would be by itself
    folder: RunFolder | None
    page: Path  # place of the run's own page
    meta: dict[str, Any]  # run.json, with dataset.json under the key dataset
    reports: list[CycleReport]
    entries: list[Entry]  # of closed cycles
    corpus: dict[str, Network]  # by id
    incumbent: Incumbent | None = None  # None: not measured
    codes: dict[str, str] = field(default_factory=dict)  # of a summary's top networks, by id
    state: RunState = FINISHED
    open_entries: list[Entry] = field(default_factory=list)  # of the cycle that is not closed
    open_cycle: int | None = None  # the last of `reports` is of this cycle so far; None: all are closed
    graphs: dict[str, bytes] = field(default_factory=dict)  # operator graphs by network, compressed; a summary has none

    @property
    def so_far(self) -> "Run":
        """The run with its open cycle among the others; its averages are over the results that there are."""
        if not self.open_entries:
            return self
        cycle = self.open_entries[0].cycle
        report = summarise(
            cycle,
            self.open_entries,
            admitted_before=sum(entry.admitted for entry in self.entries),
            min_accuracy=self.threshold,
            costs=self._open_costs(cycle),
        )
        entries = [*self.entries, *self.open_entries]
        return replace(self, reports=[*self.reports, report], entries=entries, open_entries=[], open_cycle=cycle)

    def _open_costs(self, cycle: int) -> Costs:
        costs = Costs(seconds={}, tokens=0, prompt_tokens=0, peak_bytes=0)
        if self.folder is not None:
            with suppress(OSError, ValueError, TypeError):
                costs = Costs.from_json(json.loads(self.folder.costs(cycle).read_text()))
        tokens, prompt_tokens = (int(one.read(self.open_entries) or 0) for one in (TOKENS, PROMPT_TOKENS))
        return replace(costs, tokens=tokens, prompt_tokens=prompt_tokens)

    def setting(self, key: str, default: Any = None) -> Any:
        """Return a setting by its dotted key, or `default` if the run doesn't have it."""
        node: Any = self.meta["settings"]
        for part in key.split("."):
            if not isinstance(node, dict) or part not in node:
                return default
            node = node[part]
        return node

    @property
    def seed(self) -> int:
        """Seed of the run."""
        return int(self.setting("seed", 0))

    @property
    def protocol(self) -> str:
        """Dataset and proxy in words; accuracies of different ones may not stand side by side."""
        epochs = int(self.setting("proxy.epochs", 1))
        limits = {part: self.setting(f"dataset.{part}_limit") for part in ("train", "test")}
        parts = " and ".join(f"{limit:,} {part} images" for part, limit in limits.items() if limit is not None)
        return (
            f"{self.setting('dataset.title') or self.setting('dataset.name')}{f' (only {parts})' if parts else ''}, "
            f"proxy {self.setting('proxy.name')}, {epochs} epoch{'s' if epochs != 1 else ''}, "
            f"{'' if self.metric == 'accuracy' else f'{self.metric}, '}validation split"
        )

    @property
    def balance(self) -> str | None:
        """Accuracy of a constant answer in words; None if it is about chance, as every balanced accuracy is."""
        return None if self.metric != "accuracy" else balance(self.meta.get("dataset"))

    @cached_property
    def digest(self) -> Digest:
        """Digest from run.json; of an older run only the protocol's part is known, from its settings."""
        recorded = self.meta.get("digest")
        if recorded is not None:
            return Digest.from_json(recorded)
        fingerprint = self.meta.get("dataset", {}).get("fingerprint")
        return Digest(protocol_digest(self.setting("dataset", {}), self.setting("proxy", {}), fingerprint), None, None)

    @property
    def origin(self) -> str:
        """Digest of protocol and training code in words; runs without the latter are told apart by name and commit."""
        name, commit = self.setting("name"), (self.meta.get("commit") or "unknown").rstrip("+")
        code = self.digest.training or f"unknown (made before digests were kept: name={name}, commit {commit[:8]})"
        return f"protocol {self.digest.protocol}, training code {code}"

    @property
    def outdated(self) -> str | None:
        """A sentence about a run that this version can't make again; None if its training code is this version's."""
        if self.digest.training == training_code():
            return None
        made_by = self.digest.training or "unknown"
        return f"made by training code {made_by}, not this version's {training_code()}: made again, numbers will differ"

    @property
    def closed(self) -> int:
        """Number of closed cycles."""
        return len(self.reports) - (self.open_cycle is not None)

    @property
    def finished(self) -> bool:
        """True if every planned cycle is closed, or any cycle of a run with a budget, which may end early."""
        limited = any(value is not None for value in self.setting("budget", {}).values())
        return self.closed >= int(self.setting("cycles", 1)) or (limited and bool(self.reports))

    @property
    def threshold(self) -> float | dict[str, float]:
        """Accuracy for admission, a setting or the median of the corpus; of a pool by the name of each dataset."""
        least, members = self.setting("admission.min_accuracy"), self.setting("dataset.of")
        if members:
            given = {name: member["min_accuracy"] if least is None else least for name, member in members.items()}
            return {name: self._median(name) if value is None else value for name, value in given.items()}
        own = self.setting("dataset.min_accuracy", 0.0) if least is None else least
        return self._median("") if own is None else float(own)

    def _median(self, dataset: str) -> float:
        return median_accuracy(one for one in self.corpus.values() if one.dataset == dataset) or 0.0

    @property
    def bar(self) -> str:
        """The threshold in words, such as "40 %", "82 % on digits, 97 % on mnist" or "87 %, the corpus's median"."""
        least = self.threshold
        if isinstance(least, float):
            settings = (self.setting("admission.min_accuracy"), self.setting("dataset.min_accuracy", 0.0))
            measured = ", the median of the corpus" if settings == (None, None) else ""
            return f"{percent(least, 0)} %{measured}"
        return ", ".join(f"{percent(value, 0)} % on {name}" for name, value in least.items())

    @property
    def datasets(self) -> dict[str, str]:
        """Titles of a pool's datasets, by their names; empty for a run on one dataset."""
        return {name: str(member["title"]) for name, member in (self.setting("dataset.of") or {}).items()}

    @property
    def metric(self) -> str:
        """The accuracy that counts, in words."""
        return str(self.setting("dataset.metric", "accuracy")).replace("_", " ")

    @property
    def corpus_best(self) -> float | None:
        """Best validation accuracy in the corpus under the run's own protocol; None if no network was trained."""
        known = [network.val_accuracy for network in self.corpus.values() if network.val_accuracy is not None]
        return max(known, default=None)

    @cached_property
    def networks(self) -> list[Entry]:
        """Distinct valid networks, best first, those of retries among them."""
        return sorted(distinct(self.entries), key=lambda entry: (-(entry.val_accuracy or 0.0), entry.cycle, entry.slot))

    @property
    def tradeoff(self) -> Tradeoff | None:
        """The tradeoff of search.pareto; None: accuracy alone counts."""
        cost = self.setting("search.pareto", "none")
        return None if cost == "none" or isinstance(self.threshold, dict) else Tradeoff(cost, self.threshold)

    @cached_property
    def front(self) -> list[Entry]:
        """The run's networks that no other one of the run beats in accuracy and cost, most accurate first."""
        if self.tradeoff is None:
            return []
        return [
            self.networks[at] for at in self.tradeoff.front([entry.result for entry in self.networks if entry.result])
        ]

    @cached_property
    def by_id(self) -> dict[str, Entry]:
        """The entry that first brought each network."""
        entries: dict[str, Entry] = {}
        for entry in self.entries:
            if entry.candidate and entry.status is not Status.DUPLICATE:
                entries.setdefault(entry.candidate, entry)
        return entries

    @cached_property
    def _measured(self) -> dict[Measure, Interval | float | None]:
        return {}

    def of(self, measure: Measure) -> Interval | float | None:
        """Return a measure of the whole run; with its interval for valid, mean, above and the incumbent."""
        if measure in (INCUMBENT, TEST_OF_INCUMBENT):
            known = self.incumbent
            return None if known is None else known.validation if measure is INCUMBENT else known.test
        if measure not in self._measured:
            read = measure.estimate if measure in ESTIMATED else measure.read
            self._measured[measure] = read(self.entries, self.threshold)
        return self._measured[measure]

    @property
    def seconds(self) -> float:
        """Wall time of the closed cycles."""
        return sum(report.costs.seconds.get("total", 0.0) for report in self.reports)

    def code(self, network: str) -> str | None:
        """Return the source of a candidate or of a network of the corpus; None if it is not kept."""
        if network in self.corpus:
            return self.corpus[network].code or None
        if network in self.codes:
            return self.codes[network]
        return self.folder.read_code(network) if self.folder and self.folder.code(network).exists() else None

    def title(self, network: str) -> str:
        """Return the name of a network of the corpus, or else the id."""
        return self.corpus[network].name if network in self.corpus else network

    def diff(self, old: str, new: str) -> str:
        """Return the unified diff between two networks' sources; "" if one is missing or both agree."""
        before, after = self.code(old), self.code(new)
        if before is None or after is None:
            return ""
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), self.title(old), new, lineterm="")
        return "\n".join(lines)

    def lineage(self, network: str) -> list[str]:
        """Return the network, its parent, and so on back to the corpus."""
        line = [network]
        while line[-1] in self.by_id and self.by_id[line[-1]].parent not in line:
            line.append(self.by_id[line[-1]].parent)
        return line


def read(path: Path) -> Run:
    """Read a run folder, or a file that holds the summary of one run. Raises RunFolderError."""
    (run,) = read_all(path)
    return run


def read_all(path: Path) -> list[Run]:
    """Read the run of a folder, or the runs whose summaries a file holds. Raises RunFolderError."""
    if not path.is_file():
        return [Follower(path).read()]
    folder = path.with_name(path.name.removesuffix(packs.PACKED)) if path.name.endswith(packs.PACKED) else None
    try:
        return [_of_summary(document, path, folder) for document in packs.read_documents(path, MARK)]
    except (OSError, EOFError, LZMAError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise RunFolderError(f"{path}: no run summary of this version of nnloop ({error})") from None


def _of_summary(document: dict[str, Any], file: Path, folder: Path | None) -> Run:
    """Return the run of a summary in a file; `folder` is the place of a pack's pages."""
    name = str(document["name"])
    path = file if folder is None else folder / f"{packs.plain(name)}.json"
    run = Run(
        name=name,
        path=path,
        folder=None,
        page=path.parent / "report" / f"{path.stem}.html",
        meta=document["run"],
        reports=[CycleReport.from_json(row) for row in document["cycles"]],
        entries=[Entry.from_json(row) for row in document["completions"]],
        corpus={row["id"]: Network.from_json(row) for row in document["corpus"]},
        incumbent=Incumbent.from_json(document["incumbent"]) if document.get("incumbent") else None,
        codes=document.get("codes", {}),
    )
    return _checked(run)


def read_reports(path: Path, known: Sequence[CycleReport] = ()) -> list[Run]:
    """Read the run of a folder without its entries and its corpus, which takes no longer for a long run.

    `known` are the reports of the first cycles, which are not read again. Raises RunFolderError.
    """
    folder = RunFolder(path)
    meta, facts, reports = folder.provenance(), folder.dataset_facts(), [*known, *folder.reports(len(known))]
    meta |= {"dataset": facts} if facts else {}
    run = Run(path.name, path, folder, page=folder.page, meta=meta, reports=reports, entries=[], corpus={})
    return [_checked(replace(run, state=read_state(folder)))]


def _checked(run: Run) -> Run:
    """Return the run if reports can be made of its settings. Raises RunFolderError."""
    try:
        _ = run.seed, run.protocol, run.balance, run.digest, run.origin, run.finished, run.threshold
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise RunFolderError(f"{run.path}: its settings are not as nnloop writes them ({error})") from None
    return run


class Follower:
    """A reader of one run folder that keeps what it has read, so that a growing run is read once."""

    def __init__(self, path: Path) -> None:
        self._folder = RunFolder(path)
        self._entries: list[Entry] = []
        self._reports: list[CycleReport] = []
        self._corpus: dict[str, Network] = {}
        self._graphs: dict[str, bytes] = {}
        self._place = 0  # in the archive

    def read(self) -> Run:
        """Return the run as it is on the disk now. Raises RunFolderError."""
        (run,) = read_reports(self._folder.path, self._reports)
        self._reports = run.reports
        if not self._corpus:
            for network, result in self._folder.judged_corpus():
                if network.variant_of is None:
                    self._corpus[network.id] = network
                    self._keep_graph(network.id, result)
        more, self._place = self._folder.entries_after(self._place)
        for entry in more:
            self._entries.append(self._without_graph(entry))
        closed = {report.cycle for report in run.reports}
        return replace(
            run,
            entries=[entry for entry in self._entries if entry.cycle in closed],
            open_entries=[entry for entry in self._entries if entry.cycle not in closed],
            corpus=self._corpus,
            graphs=self._graphs,
            incumbent=self._folder.read_incumbent(),
        )

    def _without_graph(self, entry: Entry) -> Entry:
        """Return an entry without its operator graph, which is kept apart: graphs are most of an archive."""
        if entry.result is None or entry.result.graph is None:
            return entry
        if entry.candidate:
            self._keep_graph(entry.candidate, entry.result)
        return replace(entry, result=replace(entry.result, graph=None))

    def _keep_graph(self, name: str, result: TrialResult) -> None:
        if result.graph is not None and name not in self._graphs:
            self._graphs[name] = zlib.compress(result.graph.encode("utf-8", "surrogatepass"), 1)
