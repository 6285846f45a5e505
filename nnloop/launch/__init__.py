"""The way from overrides to a job: composition by Hydra, the dry run, and the set-up for submitting to SLURM.

BeforeLaunch, Hydra's callback before a job or a multirun, is named in conf/config.yaml and travels in every submitted
job, where it brings back the resolvers that `main` registers here.
"""

import logging
import os
import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, flag_override

from nnloop.errors import UserError
from nnloop.launch import dry_run
from nnloop.launch.resolvers import register_resolvers
from nnloop.printable import printable
from nnloop.runs.folder import remove_unused
from nnloop.runs.private import make_private


class BeforeLaunch(Callback):
    """Tells a dry run's jobs, and readies a multirun for SLURM."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Tell the job of a dry run, and end the process."""
        if config.dry_run:
            dry_run.show(lambda: [list(config.hydra.overrides.task)], kwargs["config_name"])

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Tell the jobs of a dry run and end the process; else ready this one to submit to SLURM."""
        if config.dry_run:
            dry_run.show(lambda: list(dry_run.jobs(config)), kwargs["config_name"])
        if config.hydra.launcher.get("_target_", "").endswith("SlurmLauncher"):
            from nnloop.executor.allotment import STEP_SETUP
            from nnloop.executor.squeue import use_squeue

            use_squeue()
            with flag_override(config, ["readonly", "struct"], [False, False]):
                config.hydra.launcher.setup = [*(config.hydra.launcher.setup or []), STEP_SETUP]
            _close_exchange(str(config.hydra.launcher.submitit_folder))
            for name in [name for name in os.environ if name.startswith(("SLURM_", "SBATCH_"))]:
                if name != "SLURM_CONF":
                    del os.environ[name]  # of a job that this process runs in: its own jobs would take them over

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, ()


def _close_exchange(folder: str) -> None:
    """Make the folder of the jobs' pickles private, or end the process: Hydra goes on after a failed callback."""
    try:
        make_private(Path(folder.partition("%")[0] if "%" in folder else folder))
    except UserError as error:
        print(f"nnloop: {printable(str(error))}", file=sys.stderr)
        sys.exit(2)


def _arrive() -> BeforeLaunch:
    register_resolvers()
    return BeforeLaunch()


def leave(folder: Path) -> None:
    """Close the job's log file, and remove its folder if nothing has come of the job."""
    for handler in list(logging.getLogger().handlers):
        if isinstance(handler, logging.FileHandler) and Path(handler.baseFilename).parent == folder.absolute():
            logging.getLogger().removeHandler(handler)
            handler.close()
    remove_unused(folder)
