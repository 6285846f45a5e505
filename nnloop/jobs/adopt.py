"""job=adopt: collect networks and adapters made elsewhere, for a search to start from.

The setting `folder` may name run folders, an export, LEMUR files or loose modules. Every .py file below it that defines
class Net and passes the static guard is copied once; no code is run. LoRA adapters (PEFT's layout) are copied too.
Accuracies are not: a search trains the networks that it starts from under its own protocol.
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
from nnloop.settings import Settings

_CONFIG = "adapter_config.json"


def run(settings: Settings, folder: Path, out: TextIO) -> None:
    """Copy networks and adapters into the job's folder; print why files were left out, and how to start a search.

    Raises CorpusError if no file can be adopted.
    """
    source = Path(str(settings.folder)).expanduser()
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
    configs = sorted(source.rglob(_CONFIG))
    adapters = [_copy(path.parent, folder / "adapters" / str(number)) for number, path in enumerate(configs)]
    write_text(folder / FILE, "".join(f"{network.line()}\n" for network in networks.values()))
    print(f"{len(networks)} networks adopted; start from them: corpus=adopted corpus.path={folder}", file=out)
    for adapter, model in adapters:
        print(f"an adapter of {model}: llm.adapter={adapter}", file=out)


def _network(path: Path) -> Network:
    code = path.read_bytes().decode("utf-8", "replace")
    static_guard.check(code)
    return Network(guarded_id(code), code, path.stem)


def _copy(adapter: Path, target: Path) -> tuple[Path, str]:
    """Copy an adapter; return the new folder and the name of the adapter's model."""
    try:
        model = str(json.loads((adapter / _CONFIG).read_text("utf-8"))["base_model_name_or_path"])
    except (ValueError, KeyError, TypeError):
        raise CorpusError(f"folder: {adapter / _CONFIG} is no configuration of an adapter") from None
    shutil.copytree(adapter, target, dirs_exist_ok=True)
    return target, model
