"""resume=fork: a new run folder that starts from the closed cycles of another one."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from nnloop.errors import RunFolderError
from nnloop.runs import foreign
from nnloop.runs.durable import make_folder, sync_tree, write_text
from nnloop.runs.folder import RunFolder, differing, provenance
from nnloop.settings import Settings
from nnloop.settings.setting import DATA, FORK, PROTOCOL


def source_of(resume: str, folder: Path) -> Path:
    """Return the folder to fork from: for resume=fork the folder of the same command, else the one `resume` names."""
    return folder.with_name(folder.name.removesuffix(FORK)) if resume == "fork" else Path(resume)


def fork(source: RunFolder, target: RunFolder, settings: Settings, *, overrides: Sequence[str] = ()) -> None:
    """Fill `target` with the closed cycles of `source`, at most as many as the settings ask for.

    Entries stay as they were. run.json is written last: an interrupted fork is done again, and a target with a run.json
    stays as it is. Raises RunFolderError if the source is not a run, or is of another dataset or protocol.
    """
    if target.meta.exists():
        return
    if not source.meta.exists():
        raise RunFolderError(f"resume: {source.path} holds no run to start from")
    other = differing(source.settings(), asdict(settings), parts=(PROTOCOL, DATA))
    if other:
        raise RunFolderError(f"resume: {source.path} has results of another protocol: {', '.join(other[:8])} differ")
    with source.lock():
        cycles = len(source.reports()[: settings.cycles])
        try:
            _copy(source, target, cycles)
        except OSError as error:
            raise RunFolderError(f"{error.filename or target.path}: {error.strerror or error}") from None
    about = source.provenance()
    origin = {"folder": str(source.path), "run_id": about["run_id"], "cycles": cycles}
    target.create(provenance(settings, overrides) | {"forked_from": origin, "digest": about.get("digest")})


def _copy(source: RunFolder, target: RunFolder, cycles: int) -> None:
    make_folder(target.path)
    shutil.rmtree(target.first_adapter, ignore_errors=True)
    for part in ("code", "completions", "cycles"):
        shutil.rmtree(target.path / part, ignore_errors=True)
        (target.path / part).mkdir()
    entries = [entry for entry in source.entries() if entry.cycle < cycles]
    for candidate in {entry.candidate for entry in entries if entry.candidate}:
        if source.code(candidate).exists():
            foreign.copy(source.code(candidate), target.code(candidate), source.path)
    if cycles and source.first_adapter.is_dir():
        make_folder(target.first_adapter.parent)
        foreign.copy_tree(source.first_adapter, target.first_adapter, source.path)
    for cycle in range(cycles):
        foreign.copy_tree(source.cycle(cycle), target.cycle(cycle), source.path)
        if source.completions(cycle).exists():
            foreign.copy(source.completions(cycle), target.completions(cycle), source.path)
    if source.corpus_trials.exists():
        foreign.copy(source.corpus_trials, target.corpus_trials, source.path)
    write_text(target.archive, "".join(f"{entry.line()}\n" for entry in entries))
    sync_tree(target.path)
