"""The archive: one entry for each completion, on the disk and in memory.

Only one process writes it. Completions and candidates' sources are on the disk before the lines that name them, so no
entry names a missing file. Everything in memory is rebuilt from the files alone.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace

from nnloop.novelty import Novelty
from nnloop.records import BLANK, Entry, Network, Status, TrialResult
from nnloop.runs.durable import Journal, sync_folder, write_new
from nnloop.runs.folder import RunFolder

SAVE_AFTER = 1_000
"""The fewest new networks after which the novelty index is saved. A large index waits for more, so that all saves
together write a bounded multiple of its size."""

_log = logging.getLogger(__name__)


class Archive:
    """Entries in (cycle, slot) order, the networks behind them, and the novelty index over all valid ones.

    `corpus` has every corpus network with the result of its trial. A network whose trial did not complete is never
    shown, but a candidate that repeats it is a duplicate. Neither is a variant, which is in no novelty index either:
    variants make pairs for the fine-tune. Entries and results in memory have no operator graph; the
    graphs are on the disk and in the novelty index. `datasets` are the names of a pool's.
    """

    def __init__(
        self,
        folder: RunFolder,
        novelty: Novelty,
        corpus: Sequence[tuple[Network, TrialResult]],
        datasets: Collection[str] = (),
    ) -> None:
        trained = [network for network, _ in corpus if network.val_accuracy is not None]
        self.corpus = [network for network in trained if network.variant_of is None]
        self.variants = [network for network in trained if network.variant_of is not None]
        self.entries: list[Entry] = []
        self.results: dict[str, TrialResult] = {network.id: replace(result, graph=None) for network, result in corpus}
        self.networks: dict[str, Network] = {network.id: network for network, _ in corpus}
        self.networks |= {blank.id: blank for blank in (BLANK, *map(BLANK.on, datasets))}
        self.novelty = novelty
        self._folder = folder
        self._where = {network.id: _place(network) for network, _ in corpus}
        self._saved = novelty.restore(folder.novelty)
        self._known = 0  # networks in the novelty index
        for network, result in corpus:
            if network.val_accuracy is not None and network.variant_of is None:
                self._learn(network.id, network.code, result.graph)
        for entry in folder.entries():
            self._remember(entry, folder.read_code(str(entry.candidate)) if self._is_new(entry) else "")
        self._journal = Journal(folder.archive)
        self._lines: list[str] = []  # added and not committed yet

    def add(self, entry: Entry, code: str) -> None:
        """Add an entry in memory; `commit` writes it. `code` is the candidate's source, "" without a candidate."""
        if entry.candidate and entry.status is not Status.DUPLICATE:
            write_new(self._folder.code(entry.candidate), code)
        self._lines.append(entry.line())
        self._remember(entry, code)

    def commit(self) -> None:
        """Write the entries added since the last commit to the disk, after the files that they name."""
        if not self._lines:
            return
        sync_folder(self._folder.path / "code")
        self._folder.flush()
        for line in self._lines:
            self._journal.append(line)
        self._journal.sync()
        self._lines = []
        if self._known - self._saved >= max(SAVE_AFTER, self._saved // 20):
            self._save_index()

    def of_cycle(self, cycle: int) -> list[Entry]:
        """Return a cycle's entries, in slot order."""
        return [entry for entry in self.entries if entry.cycle == cycle]

    def before(self, cycle: int, slot: int = 0) -> list[Entry]:
        """Return the entries of earlier cycles and of the first `slot` slots of this one, oldest first."""
        return [entry for entry in self.entries if (entry.cycle, entry.slot) < (cycle, slot)]

    def selected(self, before: int) -> list[Entry]:
        """Return the selected entries of the cycles before `before`, oldest first."""
        return [entry for entry in self.before(before) if entry.selected]

    def code(self, candidate: str) -> str:
        """Return the source of any candidate, completed or not. Raises RunFolderError if its file is missing."""
        known = self.networks.get(candidate)
        return known.code if known else self._folder.read_code(candidate)

    def where(self, candidate: str) -> str:
        """Return words that say where a known network came up first."""
        return self._where[candidate]

    def close(self) -> None:
        """Close the journal, and save the novelty index if it has grown."""
        self._journal.close()
        if self._known > self._saved:
            self._save_index()

    def _save_index(self) -> None:
        """Save the novelty index for the next start. A full disk is only a warning: the index can be computed again."""
        self._saved = self._known
        try:
            self.novelty.save(self._folder.novelty)
        except OSError as error:
            why = error.strerror or error
            _log.warning("%s: can't be written (%s); the next start computes it", self._folder.novelty, why)

    def _learn(self, id: str, code: str, graph: str | None) -> None:
        self.novelty.add(id, code, graph)
        self._known += 1

    def _is_new(self, entry: Entry) -> bool:
        """Tell whether the entry brings a network whose epoch completed."""
        return entry.valid and entry.candidate not in self.results

    def _remember(self, entry: Entry, code: str) -> None:
        graph = entry.result.graph if entry.result else None
        if entry.result is not None and graph is not None:
            entry = replace(entry, result=replace(entry.result, graph=None))
        self.entries.append(entry)
        if entry.candidate is None or entry.result is None or entry.candidate in self.results:
            return
        self.results[entry.candidate] = entry.result
        self._where[entry.candidate] = f"cycle {entry.cycle + 1}, slot {entry.slot + 1}"
        if entry.valid:
            name = entry.candidate
            result = entry.result
            self.networks[name] = Network(
                name,
                code,
                name,
                val_accuracy=entry.val_accuracy,
                estimate=entry.estimate.value if entry.estimate else None,
                params=result.params,
                dataset=entry.dataset,
                hp=entry.hp,
                transform=entry.transform,
                weights=result.weights,
                flops=result.flops,
            )
            self._learn(name, code, graph)


def _place(network: Network) -> str:
    kind = "corpus network" if network.variant_of is None else "variant, for pairs alone,"
    return f"the {kind} {network.name}"
