"""Where a search reports to: Weights & Biases, or nowhere. Only this package imports wandb, when a run starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from nnloop.records import CycleReport, Entry
from nnloop.settings import NoTrackerSettings, WandbSettings


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file or folder of a run; kinds are adapter and code (neither may change later), archive, report."""

    kind: str
    name: str
    path: Path


class Tracker(Protocol):
    """Follows one search. Nothing here ever raises for a fault of the tracking service."""

    def start(
        self, name: str, group: str, folder: Path, config: Mapping[str, Any], provenance: Mapping[str, Any]
    ) -> None:
        """Open or continue the run of this run folder; `provenance["run_id"]` is its identity."""

    def cycle(
        self, report: CycleReport, entries: Sequence[Entry], codes: Mapping[str, str], texts: Mapping[int, str]
    ) -> None:
        """Report a closed cycle; one that was reported before is left out.

        `codes` is source by candidate id, `texts` the completion by slot (in delta mode it holds the diff).
        """

    def artifact(self, made: Artifact, *made_from: Artifact) -> None:
        """Attach an artifact, and record which artifacts of this run it was made from."""

    def finish(self, summary: Mapping[str, Any], failed: bool = False) -> None:
        """Close the run and hand over what is still in flight, within a bounded time."""


class NoTracker:
    """tracker=none."""

    def start(
        self, name: str, group: str, folder: Path, config: Mapping[str, Any], provenance: Mapping[str, Any]
    ) -> None:
        pass

    def cycle(
        self, report: CycleReport, entries: Sequence[Entry], codes: Mapping[str, str], texts: Mapping[int, str]
    ) -> None:
        pass

    def artifact(self, made: Artifact, *made_from: Artifact) -> None:
        pass

    def finish(self, summary: Mapping[str, Any], failed: bool = False) -> None:
        pass


def build(settings: WandbSettings | NoTrackerSettings) -> Tracker:
    """Build the tracker that the settings name."""
    if isinstance(settings, NoTrackerSettings):
        return NoTracker()
    from nnloop.tracking.run import WandbTracker

    return WandbTracker(settings)
