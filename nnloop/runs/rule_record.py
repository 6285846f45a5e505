"""The text of a user's own rule, as run.json records it: a run goes on with the rule that it was begun with.

A rule that has raised cannot go on, so a mended one follows it, and run.json keeps both with their first cycles.
"""

from typing import Any

from nnloop.errors import RunFolderError
from nnloop.runs.folder import RunFolder

_KEY = "rules"


def record_rule(folder: RunFolder, source: str) -> None:
    """Record a rule's text. Raises RunFolderError if the run was begun with another one that has not failed."""
    rules = _rules(folder)
    if rules and rules[-1]["source"] == source:
        return
    if rules and not rules[-1]["failure"]:
        raise RunFolderError(
            f"{folder.path}: was begun with another text of parents.rule (run.json has it); put it back, or choose"
            " another name="
        )
    _write(folder, [*rules, {"cycle": len(folder.reports()), "source": source, "failure": ""}])


def record_failure(folder: RunFolder, reason: str) -> None:
    """Record that the rule in force has failed, so that a mended one may follow it."""
    *earlier, last = _rules(folder)
    _write(folder, [*earlier, last | {"failure": reason}])


def _rules(folder: RunFolder) -> list[dict[str, Any]]:
    return list(folder.provenance().get(_KEY, []))


def _write(folder: RunFolder, rules: list[dict[str, Any]]) -> None:
    folder.create(folder.provenance() | {_KEY: rules})
