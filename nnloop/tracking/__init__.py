"""Tracking of a search by Weights & Biases, or by nothing. Only this package imports wandb, when a run starts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from nnloop.records import CycleReport, Entry, FinetuneStep
from nnloop.runs.folder import RunFolder
from nnloop.settings import NoTrackerSettings, WandbSettings

BEST, LATEST = "best", "latest"
"""Aliases of an artifact's versions, beside that of its cycle."""


def alias(cycle: int) -> str:
    """Return the alias of a cycle's version of an artifact; people count cycles from 1. -1: before the first."""
    return f"cycle-{cycle + 1}" if cycle >= 0 else "before"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A version of a file or folder of a run, under aliases of its own; without one it is the latest.

    Kinds are adapter and networks (the files of neither change later), archive, report.
    """

    kind: str
    name: str
    path: Path
    aliases: tuple[str, ...] = ()
    files: frozenset[str] | None = None  # names in the folder; None: all files


class Tracker(Protocol):
    """A follower of one search. Nothing here ever raises for a fault of the tracking service.

    The calls of a search: `start`; `candidate` for each entry of the archive, in its order; `finetune_step`; `artifact`
    and `cycle` when a cycle is closed; and so on until `finish`. A search that is taken up again starts anew, and calls
    nothing for entries, steps and cycles that are on the disk already: `start` makes up for what was not reported.
    """

    def start(self, run: RunFolder, *, group: str, settings: Mapping[str, Any]) -> None:
        """Open or continue the run of a run folder, and report all on its disk that was not reported before.

        The run_id in its run.json is the run's identity. `settings` are those of this start.
        """

    def candidate(self, entry: Entry) -> None:
        """Report a completion that was judged."""

    def finetune_step(self, cycle: int, step: FinetuneStep) -> None:
        """Report a step of a cycle's fine-tune."""

    def cycle(self, report: CycleReport, entries: Sequence[Entry]) -> None:
        """Report a closed cycle with its entries; one that was reported before is left out."""

    def artifact(self, made: Artifact, *made_from: Artifact) -> None:
        """Attach an artifact, and record which artifacts of this run it was made from."""

    def finish(
        self, summary: Mapping[str, Any], media: Mapping[str, Callable[[], Path]] | None = None, failed: bool = False
    ) -> None:
        """Close the run and hand over the rest of its data, within a bounded time.

        `summary` holds numbers and texts of the whole run, `media` makes an .html or .png file for each key.
        """


class NoTracker:
    """tracker=none."""

    def start(self, run: RunFolder, *, group: str, settings: Mapping[str, Any]) -> None:
        """Do nothing, as the other methods."""

    def candidate(self, entry: Entry) -> None:
        """Do nothing."""

    def finetune_step(self, cycle: int, step: FinetuneStep) -> None:
        """Do nothing."""

    def cycle(self, report: CycleReport, entries: Sequence[Entry]) -> None:
        """Do nothing."""

    def artifact(self, made: Artifact, *made_from: Artifact) -> None:
        """Do nothing."""

    def finish(
        self, summary: Mapping[str, Any], media: Mapping[str, Callable[[], Path]] | None = None, failed: bool = False
    ) -> None:
        """Do nothing."""


def build(settings: WandbSettings | NoTrackerSettings, gpus: int = 0) -> Tracker:
    """Build the tracker that the settings name; `gpus` is the number that the search may use."""
    if isinstance(settings, NoTrackerSettings):
        return NoTracker()
    from nnloop.tracking.run import WandbTracker

    return WandbTracker(settings, gpus=gpus)
