"""Judge whether a network is new: shingles of its normalised source, MinHash-LSH retrieval, exact Jaccard.

| rule | what is compared | it doesn't see | it does see |
|---|---|---|---|
| tokens (paper A) | 10-token shingles of classes | numbers, texts, comments, layout, the rest | names, structure |
| chars (paper B) | 10-character shingles of the module | comments, docstrings, layout | names, numbers, structure |

The network with the largest Jaccard is looked for among those that LSH retrieves; up to `SCAN` known networks all are
looked at, so that the maximum reported is the true one. Beyond, 0 and None mean that LSH retrieved nothing.
A filter that errs does not admit: what can't be parsed or has no classes isn't novel, nor is an id that is known.
"""

from typing import Protocol

from nnloop.novelty.minhash import MinHashNovelty
from nnloop.records import NoveltyVerdict
from nnloop.settings import MinHashSettings, NoNoveltySettings


class Novelty(Protocol):
    def add(self, id: str, code: str) -> None:
        """Make a network known; a known id is left as it is."""
        ...

    def judge(self, code: str, id: str) -> NoveltyVerdict:
        """Compare a network with all that are known, without making it known."""
        ...


def build(settings: MinHashSettings | NoNoveltySettings) -> Novelty:
    return MinHashNovelty(settings) if isinstance(settings, MinHashSettings) else ExactNovelty()


class ExactNovelty:
    """novelty=off: everything but an exact duplicate is novel."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    def add(self, id: str, code: str) -> None:
        self._ids.add(id)

    def judge(self, code: str, id: str) -> NoveltyVerdict:
        known = id in self._ids
        return NoveltyVerdict(not known, float(known), id if known else None, 1.0)
