"""job=adopt: collect networks and adapters made elsewhere, for a search to start from.

The setting `folder` may name run folders, an export, LEMUR files or loose modules. Every .py file below it that defines
class Net and passes the static guard is copied once; no code is run. LoRA adapters (PEFT's layout, safetensors) are
copied too. Links, pipes, and files that are too large are left out. Accuracies are not copied: a search trains the
networks that it starts from under its own protocol.
"""

import itertools
from pathlib import Path
from typing import TextIO

from nnloop.corpus.adopted import FILE
from nnloop.errors import CompletionError, CorpusError, ModelError
from nnloop.llm import adapter_files
from nnloop.modes import static_guard
from nnloop.modes.delta import guarded_id
from nnloop.records import Network
from nnloop.runs import foreign
from nnloop.runs.durable import write_text
from nnloop.settings import Settings

MOST_FILES = 100_000  # of one kind in a folder


def run(settings: Settings, folder: Path, out: TextIO) -> None:
    """Copy networks and adapters into the job's folder; print why files were left out, and how to start a search.

    Raises CorpusError if no file can be adopted.
    """
    source = Path(str(settings.folder)).expanduser()
    if not source.is_dir():
        raise CorpusError(f"folder={source}: no such folder")
    networks: dict[str, Network] = {}
    for path in _find(source, "*.py"):
        try:
            network = _network(path, source)
        except (CompletionError, OSError) as error:
            reason = error.reason if isinstance(error, CompletionError) else error.strerror
            print(f"left out {path.relative_to(source)}: {reason}", file=out)
        else:
            networks.setdefault(network.id, network)
    if not networks:
        raise CorpusError(f"folder={source}: no network in it that can be adopted")
    folder.mkdir(parents=True, exist_ok=True)
    configs = _find(source, adapter_files.CONFIG)
    adapters = [_copy(path.parent, source, folder / "adapters" / str(number)) for number, path in enumerate(configs)]
    write_text(folder / FILE, "".join(f"{network.line()}\n" for network in networks.values()))
    print(f"{len(networks)} networks adopted; start from them: corpus=adopted corpus.path={folder}", file=out)
    print(*adapters, sep="\n", end="\n" if adapters else "", file=out)


def _find(source: Path, name: str) -> list[Path]:
    """Return the files of a name or pattern below a folder, sorted. Raises CorpusError for far too many."""
    paths = sorted(itertools.islice(source.rglob(name), MOST_FILES + 1))
    if len(paths) > MOST_FILES:
        raise CorpusError(f"folder={source}: more than {MOST_FILES:,} files {name} in it")
    return paths


def _network(path: Path, source: Path) -> Network:
    code = foreign.read_bytes(path, source, foreign.SOURCE_BYTES).decode("utf-8", "replace")
    static_guard.check(code)
    return Network(guarded_id(code), code, path.stem)


def _copy(adapter: Path, source: Path, target: Path) -> str:
    """Copy the files of an adapter that nnloop reads; return a line that says how to use it, or why it is left out."""
    try:
        model = adapter_files.check(adapter).get("base_model_name_or_path")
        if not isinstance(model, str):
            raise ModelError(f"{adapter / adapter_files.CONFIG}: names no model")
        target.mkdir(parents=True, exist_ok=True)
        for name in (adapter_files.CONFIG, adapter_files.WEIGHTS, adapter_files.LINEAGE):
            if (adapter / name).exists():
                foreign.copy(adapter / name, target / name, source)
    except (ModelError, OSError) as error:
        return f"left out {adapter.relative_to(source)}: {error}"
    return f"an adapter of {model}: llm.adapter={target}"
