"""job=adopt: collect networks and adapters made elsewhere, for a search to start from.

`folder` may hold run folders, an export, LEMUR files or loose modules: every .py below it that defines class Net and
passes the static guard is taken once, none is run. LoRA adapters (PEFT's layout) are copied. A search judges what it
starts from by its own protocol, so no accuracy is taken over.
"""

import json
import shutil
from pathlib import Path
from typing import TextIO

from nnloop.corpus.adopted import FILE
from nnloop.errors import CompletionError, CorpusError
from nnloop.modes import static_guard
from nnloop.modes.delta import guarded_id
from nnloop.records import Network
from nnloop.runs.durable import write_text

_CONFIG = "adapter_config.json"


def run(source: Path, folder: Path, out: TextIO) -> None:
    """Write what was found into the job's own folder; print why files were left out, and how to start from it.

    Raises CorpusError where there is no network.
    """
    if not source.is_dir():
        raise CorpusError(f"folder={source}: no such folder")
    networks: dict[str, Network] = {}
    for path in sorted(source.rglob("*.py")):
        try:
            network = _network(path)
        except CompletionError as error:
            print(f"left out {path.relative_to(source)}: {error.reason}", file=out)
        else:
            networks.setdefault(network.id, network)
    if not networks:
        raise CorpusError(f"folder={source}: no network in it that can be adopted")
    folder.mkdir(parents=True, exist_ok=True)
    adapters = [_copy(path.parent, folder, number) for number, path in enumerate(sorted(source.rglob(_CONFIG)))]
    write_text(folder / FILE, "".join(f"{network.line()}\n" for network in networks.values()))
    print(f"{len(networks)} networks adopted; start from them: corpus=adopted corpus.path={folder}", file=out)
    for adapter, base in adapters:
        print(f"an adapter of {base}: llm.adapter={adapter}", file=out)


def _network(path: Path) -> Network:
    code = path.read_bytes().decode("utf-8", "replace")
    static_guard.check(code)
    return Network(guarded_id(code), code, path.stem)


def _copy(adapter: Path, folder: Path, number: int) -> tuple[Path, str]:
    """Copy an adapter; return its new place, and the model that it is for."""
    try:
        base = str(json.loads((adapter / _CONFIG).read_text("utf-8"))["base_model_name_or_path"])
    except (ValueError, KeyError, TypeError):
        raise CorpusError(f"folder: {adapter / _CONFIG} is no configuration of an adapter") from None
    target = folder / "adapters" / str(number)
    shutil.copytree(adapter, target, dirs_exist_ok=True)
    return target, base
