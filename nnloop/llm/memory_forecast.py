"""The memory that an LLM takes to generate and to be tuned, from its config alone, before anything is downloaded.

Weights, keys and values, and the adapter with its optimizer are exact. Activations are an estimate from the shapes of
one layer: under `torch.inference_mode` and under gradient checkpointing no more than one layer's are in memory.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from nnloop.settings import LoraSettings

if TYPE_CHECKING:
    from transformers import PretrainedConfig

PREFILL_TOKENS = 8192  # prompt tokens computed at once: bounds the activations
BITS = {"nf4": 4.127, "int8": 8.0}
"""Bits per quantised weight. nf4: 4 bits, and a scale for every 64 weights that is itself 8 bits plus 32 bits for 256
scales (double quantisation: Dettmers et al. 2023, QLoRA, section 3)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers that decide a causal LM's memory."""

    parameters: int
    quantisable: int  # of them in the layers' matrices; embeddings and output layer are never quantised
    layers: int
    hidden: int
    intermediate: int
    vocabulary: int
    kv_width: int  # numbers that a layer caches of a token: keys and values
    linear: dict[str, tuple[int, int]]  # (in, out) of a layer's matrices, by name

    def weights(self, bytes_each: int, quantize: str) -> int:
        """Return the bytes of the weights, for `bytes_each` of a number that is not quantised."""
        if quantize == "none":
            return self.parameters * bytes_each
        return round((self.parameters - self.quantisable) * bytes_each + self.quantisable * BITS[quantize] / 8)

    def cache(self, bytes_each: int) -> int:
        """Return the bytes of one token's keys and values."""
        return self.layers * self.kv_width * bytes_each

    def prefill(self, bytes_each: int) -> int:
        """Return the bytes beside the cache while prompts are computed: their own cache, and a layer's activations."""
        return PREFILL_TOKENS * (self.cache(bytes_each) + (4 * self.hidden + 3 * self.intermediate) * bytes_each)

    def adapter(self, settings: LoraSettings) -> int:
        """Return the number of parameters that LoRA trains."""
        layers = self.layers if settings.layers is None else settings.layers
        inner = sum(sum(self.linear[name]) for name in settings.targets if name in self.linear)
        outer = self.hidden + self.vocabulary if "lm_head" in settings.targets else 0
        return settings.rank * (layers * inner + outer)

    def tuning(self, settings: LoraSettings, *, bytes_each: int, paged: bool, length: int) -> int:
        """Return the bytes beside the weights for a fine-tune: adapter, gradients, optimizer and activations.

        `length` is the tokens of the pairs that go through the model together; `paged` stands for the 8-bit optimizer.
        LoRA's weights are float32. Without gradient checkpointing the activations of every layer are stored.
        """
        trained = self.adapter(settings) * (4 + 4 + (2 if paged else 8))
        layer = (6 * self.hidden + 4 * self.intermediate) * bytes_each
        stored = self.layers * (self.hidden * bytes_each if settings.gradient_checkpointing else layer)
        logits = self.vocabulary * (bytes_each + 4 + 4) // 2  # of completions, about half of a pair's tokens
        return trained + length * (stored + layer + logits)


def shape_of(config: "PretrainedConfig") -> Shape:
    """Return a config's shape, without making the weights."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    head = model.get_output_embeddings()
    linear = {name: one for name, one in model.named_modules() if isinstance(one, torch.nn.Linear) and one is not head}
    first = {name.rpartition(".")[2]: one for name, one in linear.items() if ".layers.0." in name}
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return Shape(
        parameters=sum(weight.numel() for weight in model.parameters()),
        quantisable=sum(one.weight.numel() for one in linear.values()),
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        intermediate=config.intermediate_size,
        vocabulary=config.vocab_size,
        kv_width=2 * heads * size,
        linear={name: (one.in_features, one.out_features) for name, one in first.items()},
    )


def sequences_that_fit(shape: Shape, *, free: int, bytes_each: int, tokens: int) -> int:
    """Return the number of sequences that can be generated together in `free` bytes beside the weights.

    `tokens` are a sequence's, prompt and completion.
    """
    per_sequence = tokens * shape.cache(bytes_each) + shape.vocabulary * (bytes_each + 8)
    return max(0, free - shape.prefill(bytes_each)) // per_sequence
