"""Near-duplicates by MinHash-LSH retrieval and exact Jaccard, in one text of each network."""

import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nnloop.novelty.shingles import Shingles, jaccard, shingle
from nnloop.records import NoveltyVerdict
from nnloop.settings import SCAN, MinHashSettings

if TYPE_CHECKING:
    from datasketch import MinHash

VERIFY = 64
"""Retrieved networks, the most similar by signature, whose Jaccard is computed exactly."""
VERSION = 2
"""Version of the normalisation and of the file that `save` writes."""
_RECALL = 0.95
"""The least share of pairs with a Jaccard of lsh_threshold that LSH has to retrieve."""

Signature = NDArray[np.uint32]  # (permutations,)


class MinHashIndex:
    """The known networks by the shingles of one unit (see shingles.shingle)."""

    def __init__(self, settings: MinHashSettings, unit: str) -> None:
        from datasketch import MinHash, MinHashLSH

        self._settings = settings
        self._unit = unit
        self._hasher = MinHash(num_perm=settings.permutations, scheme="affine32", hashfunc=int)
        bands = choose_bands(settings.lsh_threshold, settings.permutations)
        self._index = MinHashLSH(num_perm=settings.permutations, params=bands)
        self._ids: list[str] = []
        self._known: set[str] = set()
        self._shingles: list[Shingles] = []
        self._signatures = np.empty((1024, settings.permutations), np.uint32)  # doubled when full
        self._holders: dict[int, list[int]] = {}  # by shingle: places of its networks, as long as all are compared
        self._stored: dict[str, tuple[Shingles, Signature]] = {}  # read from a file, not added yet

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, id: str, text: str) -> None:
        """Make a network known; a known id is left as it is."""
        if id in self._known:
            return
        self._known.add(id)
        if id in self._stored:
            self._insert(id, *self._stored.pop(id))
        elif (shingles := self._shingle(text)) is not None:
            self._insert(id, shingles, self._signature(shingles))

    def judge(self, id: str, text: str) -> NoveltyVerdict:
        """Compare a network with all known ones, without making it known."""
        threshold = self._settings.threshold
        if id in self._known:
            return NoveltyVerdict(False, 1.0, id, threshold=threshold)
        shingles = self._shingle(text)
        if shingles is None:
            return NoveltyVerdict(False, 0.0, None, threshold=threshold)
        place, jaccard = self._nearest(shingles)
        nearest = None if place is None else self._ids[place]
        return NoveltyVerdict(jaccard < threshold, jaccard, nearest, threshold=threshold)

    def save(self, path: Path) -> None:
        """Write the shingles and signatures of the known networks, which `restore` reads. Raises OSError."""
        count = len(self._ids)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.new")
        try:
            with beside.open("wb") as file:
                np.savez(
                    file,
                    rule=np.array(self._rule()),
                    ids=np.array(self._ids),
                    lengths=np.array([len(each) for each in self._shingles], np.int64),
                    shingles=np.concatenate([*self._shingles, np.empty(0, np.uint64)]),
                    signatures=self._signatures[:count],
                )
            os.replace(beside, path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise

    def restore(self, path: Path) -> int:
        """Read the file that `save` wrote; return the number of networks in it.

        The networks are not known by that: `add` makes them known, and takes their shingles from the file. A file that
        is missing, damaged or of another rule is ignored, which only costs time.
        """
        try:
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                if str(file["rule"]) != self._rule():
                    return 0
                shingles = np.split(file["shingles"], np.cumsum(file["lengths"])[:-1])
                rows = zip(file["ids"].tolist(), shingles, file["signatures"], strict=True)
                self._stored = {id: (shingle, signature) for id, shingle, signature in rows}
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            self._stored = {}
        return len(self._stored)

    def _rule(self) -> str:
        settings = self._settings
        return f"{self._unit} {settings.shingle} {settings.permutations} {VERSION}"

    def _insert(self, id: str, shingles: Shingles, signature: Signature) -> None:
        place = len(self._ids)
        if place == len(self._signatures):
            self._signatures = np.concatenate([self._signatures, np.empty_like(self._signatures)])
        self._ids.append(id)
        self._shingles.append(shingles)
        self._signatures[place] = signature
        self._index.insert(place, self._minhash(signature), check_duplication=False)
        if place >= SCAN:
            self._holders.clear()
            return
        for each in shingles.tolist():
            self._holders.setdefault(each, []).append(place)

    def _nearest(self, shingles: Shingles) -> tuple[int | None, float]:
        """Return the place of the known network with the largest Jaccard, the earliest in a tie, and that Jaccard."""
        if len(self._ids) <= SCAN:
            return self._scan(shingles)
        signature = self._signature(shingles)
        places = np.array(sorted(self._index.query(self._minhash(signature))), np.int64)
        if len(places) > VERIFY:
            agreeing = (self._signatures[places] == signature).sum(axis=1)
            places = np.sort(places[np.argsort(-agreeing, kind="stable")[:VERIFY]])
        values = [jaccard(shingles, self._shingles[place]) for place in places]
        best = max(range(len(places)), key=values.__getitem__, default=None)
        return (None, 0.0) if best is None else (int(places[best]), values[best])

    def _scan(self, shingles: Shingles) -> tuple[int | None, float]:
        """Count the common shingles with all known networks at once."""
        holders = [self._holders[shingle] for shingle in shingles.tolist() if shingle in self._holders]
        if not holders:
            return None, 0.0
        common = np.bincount(np.concatenate(holders), minlength=len(self._ids))
        sizes = np.fromiter(map(len, self._shingles), np.int64, len(self._ids))
        values = common / (sizes + len(shingles) - common)
        best = int(values.argmax())
        return best, float(values[best])

    def _shingle(self, text: str) -> Shingles | None:
        return shingle(text, self._unit, self._settings.shingle)

    def _signature(self, shingles: Shingles) -> Signature:
        """Return the MinHash of a set of shingles; 32 bits of each are enough for it."""
        hasher = self._hasher.copy()
        hasher.update_batch((shingles & np.uint64(0xFFFFFFFF)).tolist())
        signature: Signature = hasher.hashvalues
        return signature

    def _minhash(self, signature: Signature) -> "MinHash":
        """Wrap a signature in the type that the index wants."""
        hasher = self._hasher.copy()
        hasher.hashvalues = signature
        return hasher


def choose_bands(threshold: float, permutations: int) -> tuple[int, int]:
    """Choose the most selective (bands, rows) that still retrieve _RECALL of the pairs at the threshold.

    A pair of Jaccard j is retrieved with probability 1 - (1 - j^rows)^bands. datasketch's own choice minds misses and
    false alarms alike: with 256 permutations and threshold 0.85 it misses a third of the pairs at 0.90.
    """
    for rows in range(permutations // 2, 1, -1):
        bands = permutations // rows
        if 1 - (1 - threshold**rows) ** bands >= _RECALL:
            return bands, rows
    return permutations, 1
