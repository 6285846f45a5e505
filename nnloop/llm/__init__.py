"""Language models and their stand-ins. `load` gives the engine that the settings name; `hf` alone needs torch."""

import os
from pathlib import Path

from nnloop.errors import ModelError
from nnloop.llm.engine import Engine, Request
from nnloop.settings import (
    FinetuneSettings,
    HfLlmSettings,
    LlmSettings,
    LoraSettings,
    OpenAiLlmSettings,
    RandomLlmSettings,
    ScriptedLlmSettings,
)

__all__ = ["Engine", "Request", "check", "load"]


def check(settings: LlmSettings, finetune: FinetuneSettings) -> str | None:
    """Check, before anything is trained, that an LLM can be had, asked and tuned.

    Of weights that are loaded here small files alone are read; of a server it is asked what it offers and takes.
    Returns the dtype that the weights will have; None if none are loaded here. Raises ModelError or SettingsError.
    """
    if isinstance(settings, OpenAiLlmSettings):
        return _check_served(settings, finetune)
    return _check_weights(settings, finetune) if isinstance(settings, HfLlmSettings) else None


def _check_served(settings: OpenAiLlmSettings, finetune: FinetuneSettings) -> str | None:
    from nnloop.llm.openai import OpenAiEngine
    from nnloop.llm.weights import named_weights, of_weights

    OpenAiEngine(settings, next(iter(settings.max_new_tokens)))  # its constructor asks the server, in any mode alike
    if settings.weights is None or not isinstance(finetune, LoraSettings):
        return None
    with named_weights():
        return _check_weights(of_weights(settings), finetune)


def _check_weights(settings: HfLlmSettings, finetune: FinetuneSettings) -> str:
    _share_cores()
    from nnloop.llm import adapter_files
    from nnloop.llm.finetune import check_origin, check_targets
    from nnloop.llm.pretrained import plan

    made, start = plan(settings), None if settings.adapter is None else Path(settings.adapter)
    if start is not None:
        try:
            adapter_files.check(start)
        except ModelError as error:
            raise ModelError(f"llm.adapter: {error}") from None
    if isinstance(finetune, LoraSettings):
        check_targets(made.layers, finetune, name=settings.model)
        if start is not None:
            check_origin(made.layers, finetune, start)
    return str(made.dtype).removeprefix("torch.")


def load(settings: LlmSettings, mode: str, candidates: int) -> Engine:
    """Load the engine for one mode; `candidates` is the number of completions of a cycle.

    Raises ModelError if a model can't be loaded, and SettingsError if its settings don't fit it.
    """
    if isinstance(settings, RandomLlmSettings):
        from nnloop.llm.bandit import BanditEngine
        from nnloop.llm.random import RandomEngine

        return (BanditEngine if settings.operators == "bandit" else RandomEngine)(settings, mode)
    if isinstance(settings, ScriptedLlmSettings):
        from nnloop.llm.scripted import ScriptedEngine

        return ScriptedEngine(settings, candidates)
    if isinstance(settings, OpenAiLlmSettings):
        from nnloop.llm.openai import OpenAiEngine

        return OpenAiEngine(settings, mode)
    _share_cores()
    from nnloop.llm.hf import HfEngine

    return HfEngine(settings, mode)


def _share_cores() -> None:
    """Let torch's threads wait without spinning; it reads the variable when it is loaded.

    Generation shares the cores with trials, and spinning on busy cores made it 8 times slower.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
