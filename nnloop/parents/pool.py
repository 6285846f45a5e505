"""The networks that can be shown: those whose epoch completed, each once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nnloop.records import Entry, Network, Status


@dataclass(frozen=True, slots=True)
class Found:
    """A network that the run selected, and the completion that it came from."""

    network: Network
    cycle: int
    slot: int


@dataclass(frozen=True, slots=True)
class Pool:
    """Corpus networks and the run's own, oldest first; no network is in it twice."""

    corpus: Sequence[Network]
    run: Sequence[Found]

    def __len__(self) -> int:
        return len(self.corpus) + len(self.run)

    def without(self, network: Network) -> "Pool":
        return Pool(
            [other for other in self.corpus if other.id != network.id],
            [found for found in self.run if found.network.id != network.id],
        )


def selected(entries: Iterable[Entry], networks: Mapping[str, Network]) -> list[Found]:
    """The networks that entries of the archive selected; failures and repetitions are left out, whatever they say."""
    found: dict[str, Found] = {}
    for entry in entries:
        if not entry.selected or entry.candidate is None or not entry.valid or entry.status is Status.DUPLICATE:
            continue
        if entry.candidate not in found:
            found[entry.candidate] = Found(networks[entry.candidate], entry.cycle, entry.slot)
    return list(found.values())
