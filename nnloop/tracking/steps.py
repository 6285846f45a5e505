"""W&B's steps, by which a row is logged once although a search may be killed between any two of its rows.

Every row has a step of its own that depends on its cycle, slot or step of the fine-tune alone, and W&B wants steps to
grow. So the last step that is recorded tells which rows are missing after a restart. These steps are even: the odd one
behind each is left to the rows that a start ends with.
"""

import json
import subprocess
import sys
from pathlib import Path

from nnloop.runs.durable import write_json

PER_CYCLE = 10_000_000
_FINETUNE = 5_000_000  # above the slots of any cycle
_CLOSED = PER_CYCLE - 2
READ_S = 60


def candidate_at(cycle: int, slot: int) -> int:
    """Return the step of a candidate's row."""
    return (cycle + 1) * PER_CYCLE + 2 * slot


def finetune_at(cycle: int, step: int) -> int:
    """Return the step of the row of a fine-tune's step; `cycle` -1 is before the first."""
    return (cycle + 1) * PER_CYCLE + min(_FINETUNE + 2 * step, _CLOSED - 2)


def closed_at(cycle: int) -> int:
    """Return the step of a cycle's own row."""
    return (cycle + 1) * PER_CYCLE + _CLOSED


class Recorded:
    """The last step that W&B has, in a file beside its own and in the transaction logs of offline runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._marker = folder / "logged.json"

    def last(self) -> int:
        """Return the last recorded step; -1 if there is none.

        An online run's log is not read: its server's last step is known once the run is open.
        """
        known = json.loads(self._marker.read_text()) if self._marker.exists() else {}
        marked = int(known.get("step", -1))
        if known.get("logged"):  # as versions wrote it that logged cycles alone
            marked = max(marked, closed_at(max(known["logged"])))
        return max(marked, _of_logs(self._folder))

    def mark(self, step: int) -> None:
        """Record that W&B has all rows up to a step."""
        write_json(self._marker, {"step": step})


def parts(folder: Path) -> list[Path]:
    """Return the offline parts of a run, one for each start, that were not uploaded yet, oldest first."""
    logs = sorted(folder.glob("offline-run-*/*.wandb"))
    return [log.parent for log in logs if not log.with_name(f"{log.name}.synced").exists()]


def _of_logs(folder: Path) -> int:
    """Return the last step in the newest transaction log that has one; -1 if none has."""
    for transactions in sorted(folder.glob("offline-run-*/*.wandb"), reverse=True):
        command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(transactions)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=READ_S)
        rows = [json.loads(line)["history"]["item"] for line in done.stdout.splitlines() if '"type":"history"' in line]
        if rows:
            return max(int(row["_step"]) for row in rows)
    return -1
