"""The networks that a search starts from, and structural edits of networks like them. Never imports torch.

The files in seeds/ are data: they are read as text here and run only in a trial's own process.
"""

import functools
import importlib.resources
from collections.abc import Sequence
from hashlib import sha256

from nnloop.records import Network, candidate_id


@functools.cache
def _seeds() -> tuple[Network, ...]:
    folder = importlib.resources.files(__package__) / "seeds"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".py")), key=lambda file: file.name)
    sources = [(file.name.removesuffix(".py"), file.read_text(encoding="utf-8")) for file in files]
    return tuple(Network(id=candidate_id(code), code=code, name=name) for name, code in sources)


def seeds() -> list[Network]:
    """Return our own seed networks, sorted by name, without accuracies."""
    return list(_seeds())


def sample(networks: Sequence[Network], limit: int | None) -> list[Network]:
    """Choose at most `limit` networks by the hash of their names, in the order given; None: all."""
    chosen = sorted(networks, key=lambda network: sha256(network.name.encode()).digest())[:limit]
    ids = {id(network) for network in chosen}
    return [network for network in networks if id(network) in ids]
