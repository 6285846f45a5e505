"""job=adopt: collect networks and adapters made elsewhere, for a search to start from.

The setting `folder` may name run folders, an export, LEMUR files or loose modules. Every .py file below it that defines
class Net and passes the static guard is copied once; no code is run. LoRA adapters (PEFT's layout, safetensors) are
copied too. Links, pipes, and files that are too large are left out. Accuracies are not copied: a search trains the
networks that it starts from under its own protocol.
"""

from pathlib import Path
from typing import TextIO

from nnloop.corpus.adopted import FILE
from nnloop.corpus.network_files import files_in, read_networks_in
from nnloop.errors import ModelError
from nnloop.llm import adapter_files
from nnloop.modes import static_guard
from nnloop.runs import foreign
from nnloop.runs.durable import write_text
from nnloop.settings import Settings


def run(settings: Settings, folder: Path, out: TextIO) -> None:
    """Copy networks and adapters into the job's folder; print why files were left out, and how to start a search.

    Raises CorpusError if no file can be adopted.
    """
    source = Path(str(settings.folder)).expanduser()
    read = read_networks_in(source, static_guard.identify, key="folder")
    print(*(f"left out {line}" for line in read.left_out), sep="\n", end="\n" if read.left_out else "", file=out)
    folder.mkdir(parents=True, exist_ok=True)
    configs = files_in(source, adapter_files.CONFIG, key="folder")
    adapters = [_copy(path.parent, source, folder / "adapters" / str(number)) for number, path in enumerate(configs)]
    write_text(folder / FILE, "".join(f"{network.line()}\n" for network in read.networks))
    print(f"{len(read.networks)} networks adopted; start from them: corpus=adopted corpus.path={folder}", file=out)
    print(*adapters, sep="\n", end="\n" if adapters else "", file=out)


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
