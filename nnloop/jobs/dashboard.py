"""job=dashboard: publish the W&B workspace for the project of the tracker's settings."""

from pathlib import Path
from typing import TextIO

from nnloop.errors import SettingsError, UserError
from nnloop.runs.durable import write_text
from nnloop.settings import Settings, WandbSettings
from nnloop.tracking import workspace


def run(settings: Settings, folder: Path, out: TextIO) -> None:
    """Write dashboard.json into the job's folder, publish the workspace, and print its address.

    Without a key it prints the file and how to publish. Raises SettingsError without tracker=wandb, and UserError if
    the server does not answer; the file is kept then.
    """
    tracker = settings.tracker
    if not isinstance(tracker, WandbSettings):
        raise SettingsError(f"tracker={tracker.name}: job=dashboard needs tracker=wandb")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "dashboard.json"
    write_text(path, workspace.definition(tracker.entity or "", tracker.project))
    try:
        print(workspace.publish(tracker), file=out)
    except workspace.UnpublishedError as error:
        remedy = "the same command publishes it once `wandb login` has a key and the server answers"
        told = f"wrote {path}; not published: {error}; {remedy}"
        if error.fault:
            raise UserError(told) from None
        print(told, file=out)
