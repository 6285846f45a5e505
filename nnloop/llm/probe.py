"""The way in which a loaded model can generate, by trying it on a few tokens."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nnloop.errors import ModelError
from nnloop.llm.architecture import attention_layout, text_config
from nnloop.llm.decode import Decoder, StopCriterion, TokenSequence
from nnloop.llm.sampling import Sampling
from nnloop.llm.sequential import SequentialDecoder

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_log = logging.getLogger(__name__)

TOLERANCE = {torch.float32: 0.01}
"""Largest relative difference of equal logits, by dtype; rounding to 16 bits makes more, a wrong mask far more."""
_COARSE = 0.2


def takes_rows(model: "PreTrainedModel", stop: StopCriterion) -> bool:
    """Return whether the model generates rows of different lengths together, as `decode` does.

    Otherwise it writes one completion after the other. Raises ModelError if it can't write at all.
    """
    decoder = Decoder(model=model, sampling=Sampling(0, 0, 1), stop=stop, limit=2, batch_size=2)
    size = int(model.get_input_embeddings().num_embeddings)
    prompts = [[(5 + 7 * place) % size for place in range(length)] for length in (3, 6)]
    _check_causal(model, prompts[1])
    if attention_layout(model.config).takes_masks and _agree(decoder, prompts):
        return True
    _log.info("%s keeps a state of its own kind: it writes one completion at a time", type(model).__name__)
    list(SequentialDecoder(decoder).decode(prompts[:1], [0]))
    return False


@torch.inference_mode()
def _check_causal(model: "PreTrainedModel", prompt: list[int]) -> None:
    """Refuse a model that can't be run, or whose tokens attend to later ones, such as BERT. Raises ModelError."""
    name = type(model).__name__
    try:
        short, whole = (_logits(model, prompt[:length])[2] for length in (3, len(prompt)))
    except Exception as error:  # whatever an architecture's own code raises
        told = " ".join(str(error).split())[:200]
        raise ModelError(f"llm.model: {name} can't be run: {type(error).__name__}: {told}") from None
    if _difference(short[None], whole[None]) > TOLERANCE.get(model.dtype, _COARSE):
        raise ModelError(f"llm.model: {name} attends to later tokens, so it can't write; take a decoder")


@torch.inference_mode()
def _agree(decoder: Decoder, prompts: list[list[int]]) -> bool:
    """Return whether prompts in one cache get the logits that each gets alone, without a cache."""
    sequences = [TokenSequence(row, prompt, seed=0) for row, prompt in enumerate(prompts)]
    with _narrow_window(decoder.model):
        alone = torch.stack([_logits(decoder.model, prompt)[-1] for prompt in prompts])
        try:
            together = decoder.first_logits(sequences)
        except Exception:  # the architecture's code takes no such cache or mask
            return False
    return _difference(together, alone) < TOLERANCE.get(decoder.model.dtype, _COARSE)


@contextmanager
def _narrow_window(model: "PreTrainedModel") -> Iterator[None]:
    """Make a sliding window narrower than the probe's prompts, so that they show whether its layers keep to it."""
    text = text_config(model.config)
    window = None if text.is_heterogeneous else getattr(text, "sliding_window", None)
    if window is not None:
        text.sliding_window = 4
    try:
        yield
    finally:
        if window is not None:
            text.sliding_window = window


def _logits(model: "PreTrainedModel", prompt: list[int]) -> Tensor:
    """Return the logits of a prompt alone, without a cache, (T, V)."""
    ids = torch.tensor([prompt], device=model.device)
    return model(input_ids=ids, use_cache=False).logits[0]  # type: ignore[no-any-return]


def _difference(one: Tensor, other: Tensor) -> float:
    """Return the largest relative difference of a row's logits, their means aside."""
    one, other = (logits.float() - logits.float().mean(dim=-1, keepdim=True) for logits in (one, other))
    return float(((one - other).norm(dim=-1) / other.norm(dim=-1).clamp_min(1e-9)).max())
