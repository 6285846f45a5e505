"""Shingles of an operator graph: every operator with its surroundings, upstream and downstream.

A graph is the JSON of `training.operator_graph`: a list of nodes, each with operator, arguments, shape and inputs. An
operator's upstream shingle of size k is the hash of its own label (operator, arguments, shape of its result), of the
labels of its inputs, of their inputs, and so on, k operators deep; its downstream shingle goes the other way.
Surroundings that occur n times count n times.
"""

import hashlib
import json
from collections import defaultdict

_COMMUTATIVE = frozenset({"add", "mul", "maximum", "minimum"})


def graph_shingles(graph: str, size: int) -> list[bytes] | None:
    """Hash the shingles of a graph; None if it is malformed or empty."""
    try:
        nodes = json.loads(graph)
        labels = [_digest(f"{name}\x1f{text}\x1f{shape}".encode()) for name, text, shape, _ in nodes]
        inputs = [[int(place) for place in node[3]] for node in nodes]
    except (ValueError, TypeError, RecursionError):
        return None
    readers: list[list[int]] = [[] for _ in nodes]
    for at, places in enumerate(inputs):
        for place in places:
            readers[place].append(at)
    unordered = [name in _COMMUTATIVE for name, *_ in nodes]
    upstream = _surroundings(labels, inputs, unordered, size=size)
    downstream = _surroundings(labels, readers, [True] * len(nodes), size=size)
    return [*_counted(b"u", upstream), *_counted(b"d", downstream)] or None


def _surroundings(labels: list[bytes], edges: list[list[int]], unordered: list[bool], *, size: int) -> list[bytes]:
    hashes = labels
    for _ in range(size - 1):
        before = hashes
        hashes = []
        for at, places in enumerate(edges):
            around = [before[place] for place in places]
            hashes.append(_digest(labels[at] + b"".join(sorted(around) if unordered[at] else around)))
    return hashes


def _counted(side: bytes, hashes: list[bytes]) -> list[bytes]:
    """Make a set of a multiset: the n-th occurrence of a hash is an element of its own."""
    seen: dict[bytes, int] = defaultdict(int)
    digests = []
    for each in hashes:
        seen[each] += 1
        digests.append(_digest(side + each + seen[each].to_bytes(4, "little")))
    return digests


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=8).digest()
