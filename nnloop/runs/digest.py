"""The digest of a run: hashes of its protocol, training code and LLM weights.

Accuracies are compared only between runs of one protocol. The versions of packages and the machine, which run.json
names too, are left out: they move an accuracy little.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import nnloop
from nnloop.json_record import Record
from nnloop.records import candidate_id
from nnloop.settings import Settings
from nnloop.settings.keys import affecting, former
from nnloop.settings.setting import DATA, PROTOCOL

_CODE = ("training/*.py", "sandbox/child.py", "sandbox/score.py")


@dataclass(frozen=True, slots=True)
class Digest(Record):
    """Hashes of the three parts; a part that changed between two starts of a run reads old+new."""

    protocol: str
    training: str | None  # None: the run was made before digests were kept
    weights: str | None  # hash of the LLM's checkpoint, or its commit on the hub; None: no LLM, or one on a server

    def followed_by(self, later: "Digest") -> "Digest":
        """Return the digest of a run that began under this digest and goes on under a later one."""
        return Digest(
            protocol=_joined(self.protocol, later.protocol) or "",
            training=_joined(self.training, later.training),
            weights=_joined(self.weights, later.weights),
        )


def digest(settings: Settings, fingerprint: str, weights: str | None) -> Digest:
    """Return a run's digest from its settings, its dataset's fingerprint and its LLM's weights."""
    return Digest(
        protocol_digest(asdict(settings.dataset), asdict(settings.proxy), fingerprint), training_code(), weights
    )


def protocol_digest(dataset: Mapping[str, Any], proxy: Mapping[str, Any], fingerprint: str | None) -> str:
    """Return the hash of the data's fingerprint and of every setting of data and training that can move an accuracy.

    Among them is the choice not to check the raw files' checksums, because the files may then be incomplete.
    """
    known = affecting({"dataset": dataset, "proxy": proxy}, PROTOCOL, DATA)
    chosen = {key: value for key, value in known.items() if value is not None and value != former(key)}
    return _short(json.dumps([chosen, fingerprint], sort_keys=True))


@cache
def training_code() -> str:
    """Return the hash of the sources that decide a trial's result; comments and docstrings don't count."""
    root = Path(nnloop.__file__).parent
    sources = [path for pattern in _CODE for path in sorted(root.glob(pattern))]
    return _short(json.dumps([[path.name, candidate_id(path.read_text("utf-8"))] for path in sources]))


def _joined(old: str | None, new: str | None) -> str | None:
    return old if new is None or old is None or old.rpartition("+")[2] == new else f"{old}+{new}"


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12]
