"""The memory that an LLM takes to generate and to be tuned, from its config alone, before anything is downloaded.

Weights, keys and values, and the adapter with its optimizer are exact. Activations are an estimate from the shapes of
one layer: under `torch.inference_mode` and under gradient checkpointing no more than one layer's are in memory.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnloop.llm.architecture import AUTO, empty_model, layer_configs, linear_layers, short_name, text_config
from nnloop.settings import LoraSettings

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

PREFILL_TOKENS = 8192  # prompt tokens computed at once: bounds the activations
BITS = {"nf4": 4.127, "int8": 8.0}
"""Bits per quantised weight. nf4: 4 bits, and a scale for every 64 weights that is itself 8 bits plus 32 bits for 256
scales (double quantisation: Dettmers et al. 2023, QLoRA, section 3)."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A linear layer."""

    name: str  # the last part of its full name
    block: int
    inputs: int
    outputs: int


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers that decide a causal LM's memory."""

    parameters: int
    quantisable: int  # of them in the layers' matrices; embeddings and output layer are never quantised
    layers: int
    hidden: int
    intermediate: int
    vocabulary: int
    kv_numbers: int  # that the layers cache of a token: keys and values
    linear: tuple["Matrix", ...]  # the matrices of its layers

    def weights(self, bytes_each: int, quantize: str) -> int:
        """Return the bytes of the weights, for `bytes_each` of a number that is not quantised."""
        if quantize == "none":
            return self.parameters * bytes_each
        return round((self.parameters - self.quantisable) * bytes_each + self.quantisable * BITS[quantize] / 8)

    def cache(self, bytes_each: int) -> int:
        """Return the bytes of one token's keys and values."""
        return self.kv_numbers * bytes_each

    def prefill(self, bytes_each: int) -> int:
        """Return the bytes beside the cache while prompts are computed: their own cache, and a layer's activations."""
        return PREFILL_TOKENS * (self.cache(bytes_each) + (4 * self.hidden + 3 * self.intermediate) * bytes_each)

    def adapter(self, settings: LoraSettings) -> int:
        """Return the number of parameters that LoRA trains."""
        layers = self.layers if settings.layers is None else settings.layers
        tuned = [one for one in self.linear if {AUTO, one.name} & set(settings.targets) and one.block < layers]
        outer = self.hidden + self.vocabulary if "lm_head" in settings.targets else 0
        return settings.rank * (sum(one.inputs + one.outputs for one in tuned) + outer)

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


def shape_of(config: "PretrainedConfig", model: "PreTrainedModel | None" = None) -> Shape:
    """Return a config's shape, of its model without weights, which is made unless it is given."""
    model, text = model or empty_model(config), text_config(config)
    linear = linear_layers(model)
    layers, hidden = text.num_hidden_layers, text.hidden_size
    return Shape(
        parameters=sum(weight.numel() for weight in model.parameters()),
        quantisable=sum(inputs * outputs for inputs, outputs in linear.values()),
        layers=layers,
        hidden=hidden,
        intermediate=max((outputs for _, outputs in linear.values()), default=hidden),
        vocabulary=text.vocab_size,
        kv_numbers=sum(map(_kv_numbers, layer_configs(config))),
        linear=tuple(Matrix(short_name(name), _block(name), *sizes) for name, sizes in linear.items()),
    )


def _kv_numbers(layer: "PretrainedConfig") -> int:
    heads = getattr(layer, "num_attention_heads", 0)
    size = getattr(layer, "head_dim", None) or (layer.hidden_size // heads if heads else 0)
    return 2 * (getattr(layer, "num_key_value_heads", None) or heads) * int(size)


def _block(name: str) -> int:
    """Return the number of the block that a layer of this full name belongs to, as PEFT counts; 0 outside of blocks."""
    return next((int(part) for part in name.split(".") if part.isdigit()), 0)


def sequences_that_fit(shape: Shape, *, free: int, bytes_each: int, tokens: int) -> int:
    """Return the number of sequences that can be generated together in `free` bytes beside the weights.

    `tokens` are a sequence's, prompt and completion.
    """
    per_sequence = tokens * shape.cache(bytes_each) + shape.vocabulary * (bytes_each + 8)
    return max(0, free - shape.prefill(bytes_each)) // per_sequence
