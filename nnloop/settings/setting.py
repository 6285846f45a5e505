"""The rules of settings: `setting` makes a dataclass field with its allowed values and the part that it affects."""

from collections.abc import Sequence
from dataclasses import Field, dataclass, field
from enum import StrEnum
from typing import Any


class Affects(StrEnum):
    """The part of a run that a setting changes; folder names, the resume check and cache keys derive from it."""

    RESULT = "result"  # the course of a run: prompts, statuses, choices, learning
    PROTOCOL = "protocol"  # how a candidate is trained and scored, so what its accuracy is worth
    DATA = "data"  # the prepared arrays
    PLACE = "place"  # where, how fast and how long a run goes on
    LABEL = "label"  # names of folders and projects


RESULT, PROTOCOL, DATA, PLACE, LABEL = Affects

NAME = r"[\w+-][\w.+-]{0,99}"
"""The names that folders below outputs/ may have, as a regular expression."""

FORK = "-fork"
"""Ends the name of a folder of resume=fork; the rest is the name of the folder that it starts from."""

COMPUTED = (RESULT, PROTOCOL, DATA)
"""The parts that two runs must share to give the same result."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The rules of one setting.

    low and high: the range of a number, or of each number in a dict; None: not bounded.
    words: the allowed texts; empty: any.
    unit: of a number; of a text the thing that it names.
    jobs: the jobs that need it. takers: further jobs that may be given it. Every other job refuses it; if both are
        empty, none does.
    former: the value that every run had before the setting existed; digests and cache keys leave it out.
    """

    affects: Affects
    low: float | None
    high: float | None
    words: Sequence[str]
    unit: str
    jobs: Sequence[str]
    takers: Sequence[str] = ()
    former: str | None = None


def setting(
    affects: Affects,
    low: float | None = None,
    high: float | None = None,
    *,
    words: Sequence[str] = (),
    unit: str = "",
    jobs: Sequence[str] = (),
    takers: Sequence[str] = (),
    former: str | None = None,
) -> Any:
    """Return a dataclass field without a default: values live in conf/ alone."""
    rule = Setting(affects, low, high, words=words, unit=unit, jobs=jobs, takers=takers, former=former)
    return field(metadata={"setting": rule})


def rules(of: Field[Any]) -> Setting:
    """Return a field's rules. Raises KeyError if the field was not made by `setting`."""
    known: Setting = of.metadata["setting"]
    return known
