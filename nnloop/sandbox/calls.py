"""Linux's system calls by processor: their numbers, and the filter's verdict on each, read from calls.txt."""

import functools
import platform
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

TABLE = Path(__file__).with_name("calls.txt")


class Verdict(StrEnum):
    """The filter's answer to a system call; calls.txt explains the words."""

    ALLOW = "allow"
    SOME = "some"
    ABSENT = "absent"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Machine:
    """The system calls of one kind of processor, by name."""

    audit: int  # AUDIT_ARCH_* of linux/audit.h
    calls: dict[str, int] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    def numbers(self, verdict: Verdict) -> list[int]:
        """Return the numbers of the calls with this verdict, in order."""
        return sorted(self.calls[name] for name, given in self.verdicts.items() if given is verdict)


@functools.cache
def machines() -> dict[str, Machine]:
    """Return the table by the name that Python gives a processor."""
    known = {"x86_64": Machine(0xC000003E), "aarch64": Machine(0xC00000B7)}
    for name, verdict, numbers in _rows():
        for machine, number in zip(known.values(), numbers, strict=True):
            if number != "-":
                machine.calls[name] = int(number)
                machine.verdicts[name] = verdict
    return known


def _rows() -> Iterator[tuple[str, Verdict, list[str]]]:
    """Yield each call's name, its verdict, and its numbers as text."""
    verdict = None
    for line in TABLE.read_text().splitlines():
        if line.startswith("["):
            verdict = Verdict(line[1:].partition("]")[0])
        elif (line and line[0].isalpha()) or line.startswith("_"):
            assert verdict is not None
            name, *numbers = line.split()
            yield name, verdict, numbers


def machine() -> Machine:
    """Return this machine's calls. Raises OSError for a processor that is not listed."""
    try:
        return machines()[platform.machine()]
    except KeyError:
        raise OSError(f"no system call numbers for {platform.machine()}") from None
