"""The networks that a prompt can show, each once: the corpus, and the networks that the run selected."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nnloop.records import Entry, Network, Status


@dataclass(frozen=True, slots=True)
class PromptSlot:
    """The cycle and the slot of a prompt."""

    cycle: int
    slot: int


@dataclass(frozen=True, slots=True)
class SelectedNetwork:
    """A network that the run selected, and the completion that it came from."""

    network: Network
    cycle: int
    slot: int


@dataclass(frozen=True, slots=True)
class Pool:
    """Corpus networks and the run's own, oldest first; no network is in it twice."""

    corpus: Sequence[Network]
    run: Sequence[SelectedNetwork]

    def __len__(self) -> int:
        return len(self.corpus) + len(self.run)

    def without(self, network: Network) -> "Pool":
        """Return the pool without a network."""
        return Pool(
            [other for other in self.corpus if other.id != network.id],
            [member for member in self.run if member.network.id != network.id],
        )

    def newest(self, count: int) -> "Pool":
        """Return the pool of the `count` newest networks; the corpus is older than the run's own."""
        from_corpus = min(len(self.corpus), max(0, count - len(self.run)))
        return Pool(self.corpus[len(self.corpus) - from_corpus :], self.run[-count:])


def selected(entries: Iterable[Entry], networks: Mapping[str, Network]) -> list[SelectedNetwork]:
    """List the networks that entries of the archive selected, oldest first, each once.

    Failures and duplicates are left out, even if an entry calls them selected.
    """
    members: dict[str, SelectedNetwork] = {}
    for entry in entries:
        if entry.selected and entry.candidate is not None and entry.valid and entry.status is not Status.DUPLICATE:
            member = SelectedNetwork(networks[entry.candidate], entry.cycle, entry.slot)
            members.setdefault(entry.candidate, member)
    return list(members.values())
