"""Runs whose accuracies may stand in one table: those of one protocol, one training code and the same LLM weights."""

from collections import defaultdict
from collections.abc import Sequence

from nnloop.errors import RunFolderError
from nnloop.report.measures.read import Run


def by_protocol(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Group runs by digest, under their protocol in words; the digest is added if several groups have the same words.

    Arms may have different LLMs. If one LLM comes with several weights, its runs stand apart from each other, and from
    the other LLMs' runs.
    """
    weights: dict[tuple[str, ...], set[str | None]] = defaultdict(set)
    for run in runs:
        weights[_llm(run)].add(run.digest.weights)
    groups: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        several = len(weights[_llm(run)]) > 1
        groups[run.protocol, run.origin + (f", weights {run.digest.weights}" if several else "")].append(run)
    words = [protocol for protocol, _ in groups]
    return {
        f"{protocol}, {origin}" if words.count(protocol) > 1 else protocol: members
        for (protocol, origin), members in sorted(groups.items())
    }


def check_one_protocol(runs: Sequence[Run]) -> None:
    """Raise RunFolderError, which names both and their runs, for runs of two protocols or digests."""
    groups = list(by_protocol(runs).items())
    if len(groups) > 1:
        named = (f"{heading} ({', '.join(run.name for run in members)})" for heading, members in groups[:2])
        raise RunFolderError(f"runs of two digests can't stand in one table: {'; '.join(named)}")


def _llm(run: Run) -> tuple[str, ...]:
    """Return the protocol's digest, the training code and the settings that name the LLM's weights."""
    return run.origin, *(str(run.setting(f"llm.{key}")) for key in ("name", "model", "revision", "adapter"))
