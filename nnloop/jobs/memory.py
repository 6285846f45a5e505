"""job=memory: forecast the GPU memory for generation and fine-tuning from the model's config, before any download."""

from functools import partial
from pathlib import Path
from typing import TextIO

from nnloop.errors import SettingsError
from nnloop.settings import HfLlmSettings, LoraSettings, Settings

CARDS_GB = (16, 24, 48, 80)
RESERVED_GB = 4  # trials beside the LLM, and what CUDA itself takes


def run(settings: Settings, folder: Path, out: TextIO) -> None:
    """Print a line per use and, for GPUs of usual sizes, the number of completions generated at once.

    Raises SettingsError for an LLM whose weights are not loaded here.
    """
    llm = settings.llm
    if not isinstance(llm, HfLlmSettings):
        raise SettingsError(f"llm.engine={llm.engine}: job=memory is about llm.engine=hf, whose weights are here")
    from nnloop.llm.memory_forecast import sequences_that_fit
    from nnloop.llm.pretrained import read_shape

    shape, number = read_shape(llm), 4 if llm.dtype == "float32" else 2
    kind = llm.quantize if llm.quantize != "none" else ("float32" if number == 4 else "16 bits")
    weights = shape.weights(number, llm.quantize)
    print(f"{llm.model}, {shape.parameters / 1e9:.2f} billion parameters, weights in {kind}", file=out)
    line = partial(_print_line, out)
    line("weights", weights)
    per_token = shape.cache(number)
    line("one row", per_token * llm.context_length, f"{llm.context_length} tokens of {per_token / 1e3:.0f} kB")
    line("prompts", shape.prefill(number), "while they are computed")
    tuning = 0
    if isinstance(settings.finetune, LoraSettings):
        length = settings.finetune.max_length * (1 if settings.finetune.packing else settings.finetune.batch_size)
        paged = settings.finetune.optimizer != "adamw"
        tuning = shape.tuning(settings.finetune, bytes_each=number, paged=paged, length=length)
        line("fine-tune", tuning, f"{shape.adapter(settings.finetune) / 1e6:.0f} million weights of LoRA")
    for card in CARDS_GB:
        free = int((card - RESERVED_GB) * 1e9) - weights
        rows = sequences_that_fit(shape, free=free, bytes_each=number, tokens=llm.context_length)
        tuned = "can be tuned" if tuning < free else "can't be tuned"
        said = f"{min(rows, llm.batch_size)} completions at once, {tuned}" if rows else "too small"
        print(f"a GPU of {card} GB, {RESERVED_GB} of them for trials: {said}", file=out)


def _print_line(out: TextIO, name: str, size: float, note: str = "") -> None:
    print(f"{name:<10} {size / 1e9:6.2f} GB  {note}".rstrip(), file=out)
