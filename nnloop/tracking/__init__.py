"""Tracking of a search by Weights & Biases, or by nothing. Only this package imports wandb, when a run starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from nnloop.records import CycleReport, Entry
from nnloop.runs.folder import RunFolder
from nnloop.settings import NoTrackerSettings, WandbSettings


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file or folder of a run; kinds are adapter and code (neither may change later), archive, report."""

    kind: str
    name: str
    path: Path


class Tracker(Protocol):
    """A follower of one search. Nothing here ever raises for a fault of the tracking service."""

    def start(self, run: RunFolder, *, group: str, settings: Mapping[str, Any]) -> None:
        """Open or continue the run of a run folder, and report its closed cycles that were not reported before.

        The run_id in its run.json is the run's identity. `settings` are those of this start.
        """

    def cycle(self, report: CycleReport, entries: Sequence[Entry]) -> None:
        """Report a closed cycle with its entries; one that was reported before is left out."""

    def artifact(self, made: Artifact, *made_from: Artifact) -> None:
        """Attach an artifact, and record which artifacts of this run it was made from."""

    def finish(self, summary: Mapping[str, Any], failed: bool = False) -> None:
        """Close the run and hand over the rest of its data, within a bounded time."""


class NoTracker:
    """tracker=none."""

    def start(self, run: RunFolder, *, group: str, settings: Mapping[str, Any]) -> None:
        """Do nothing, as the other methods."""

    def cycle(self, report: CycleReport, entries: Sequence[Entry]) -> None:
        """Do nothing."""

    def artifact(self, made: Artifact, *made_from: Artifact) -> None:
        """Do nothing."""

    def finish(self, summary: Mapping[str, Any], failed: bool = False) -> None:
        """Do nothing."""


def build(settings: WandbSettings | NoTrackerSettings) -> Tracker:
    """Build the tracker that the settings name."""
    if isinstance(settings, NoTrackerSettings):
        return NoTracker()
    from nnloop.tracking.run import WandbTracker

    return WandbTracker(settings)
