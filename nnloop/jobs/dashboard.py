"""job=dashboard: publish the W&B workspace for the project of the tracker's settings."""

from pathlib import Path
from typing import TextIO

from nnloop.errors import SettingsError
from nnloop.runs.durable import write_text
from nnloop.settings import Settings, WandbSettings
from nnloop.tracking import workspace


def run(settings: Settings, folder: Path, out: TextIO) -> None:
    """Write dashboard.json into the job's folder, publish the workspace, and print its address.

    Raises SettingsError without tracker=wandb, and UserError if the server can't be reached; the file is kept then.
    """
    tracker = settings.tracker
    if not isinstance(tracker, WandbSettings):
        raise SettingsError(f"tracker={tracker.name}: job=dashboard needs tracker=wandb")
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "dashboard.json", workspace.definition(tracker.entity or "", tracker.project))
    print(workspace.publish(tracker), file=out)
