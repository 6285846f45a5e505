"""Judge whether a network is new: shingles of its operators or of its source, MinHash-LSH retrieval, exact Jaccard.

| rule | compared | it doesn't see | it does see |
|---|---|---|---|
| graph | operators and their surroundings, 10 deep | names, method order, comments, layout | every operator and size |
| tokens (paper A) | 10-token shingles of classes | numbers, texts, comments, layout, the rest | names, structure |
| chars (paper B) | 10-character shingles of the module | comments, docstrings, layout | names, numbers, structure |

The graph is traced in the evaluation's process, which runs the candidate's code, so it can't be trusted: a forged graph
can get a network admitted, but can't change its accuracy. Without a graph, statements in normal form are compared: they
keep every number, and as little of names and of the order of methods as possible.

Up to `SCAN` known networks, all are compared, so the reported maximum is exact. Beyond, LSH retrieves the networks to
compare; a maximum of 0 and nearest None mean that it retrieved nothing.
In doubt a network is not novel: neither a source that can't be parsed or has no classes, nor a known id.
"""

from pathlib import Path
from typing import Protocol

from nnloop.novelty.minhash import MinHashIndex
from nnloop.records import NoveltyVerdict
from nnloop.settings import MinHashSettings, NoNoveltySettings


class Novelty(Protocol):
    """The known networks, to compare others with. `graph` is the JSON of an operator graph; None: unknown."""

    def add(self, id: str, code: str, graph: str | None) -> None:
        """Make a network known; a known id is left as it is."""
        ...

    def judge(self, id: str, code: str, graph: str | None) -> NoveltyVerdict:
        """Compare a network with all known ones, without making it known."""
        ...

    def save(self, folder: Path) -> None:
        """Write what `restore` needs, so that a later `add` of the same networks costs next to nothing.

        Raises OSError, and leaves the files that were saved before.
        """
        ...

    def restore(self, folder: Path) -> int:
        """Read the saved files; return the number of networks in them."""
        ...


def build(settings: MinHashSettings | NoNoveltySettings) -> Novelty:
    """Make the rule that the settings name; it knows no network yet."""
    if isinstance(settings, NoNoveltySettings):
        return ExactNovelty()
    return GraphNovelty(settings) if settings.unit == "graph" else SourceNovelty(settings)


class SourceNovelty:
    """The rules of papers A and B, on the source alone."""

    def __init__(self, settings: MinHashSettings) -> None:
        self.index = MinHashIndex(settings, settings.unit)

    def add(self, id: str, code: str, graph: str | None) -> None:
        """See Novelty."""
        self.index.add(id, code)

    def judge(self, id: str, code: str, graph: str | None) -> NoveltyVerdict:
        """See Novelty."""
        return self.index.judge(id, code)

    def save(self, folder: Path) -> None:
        """See Novelty."""
        self.index.save(folder / "source.npz")

    def restore(self, folder: Path) -> int:
        """See Novelty."""
        return self.index.restore(folder / "source.npz")


class GraphNovelty:
    """The rule on graphs, or on statements if one of two networks has no graph."""

    def __init__(self, settings: MinHashSettings) -> None:
        self._graphs = MinHashIndex(settings, "graph")
        self._sources = MinHashIndex(settings, "statements")
        self._untraced = MinHashIndex(settings, "statements")  # networks without a graph

    def add(self, id: str, code: str, graph: str | None) -> None:
        """See Novelty."""
        self._sources.add(id, code)
        if graph is None:
            self._untraced.add(id, code)
        else:
            self._graphs.add(id, graph)

    def judge(self, id: str, code: str, graph: str | None) -> NoveltyVerdict:
        """See Novelty."""
        if graph is None:
            return self._sources.judge(id, code)
        verdict = self._graphs.judge(id, graph)
        if not len(self._untraced):
            return verdict
        return max(verdict, self._untraced.judge(id, code), key=lambda each: each.max_jaccard)

    def save(self, folder: Path) -> None:
        """See Novelty."""
        for name, index in self._indices().items():
            index.save(folder / f"{name}.npz")

    def restore(self, folder: Path) -> int:
        """See Novelty."""
        return max(index.restore(folder / f"{name}.npz") for name, index in self._indices().items())

    def _indices(self) -> dict[str, MinHashIndex]:
        return {"graph": self._graphs, "statements": self._sources, "untraced": self._untraced}


class ExactNovelty:
    """The rule of novelty=off: everything but an exact duplicate is novel."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    def add(self, id: str, code: str, graph: str | None) -> None:
        """See Novelty."""
        self._ids.add(id)

    def judge(self, id: str, code: str, graph: str | None) -> NoveltyVerdict:
        """See Novelty."""
        known = id in self._ids
        return NoveltyVerdict(not known, float(known), id if known else None, threshold=1.0)

    def save(self, folder: Path) -> None:
        """Do nothing: ids are read from the archive again."""

    def restore(self, folder: Path) -> int:
        """Return 0: nothing was saved."""
        return 0
