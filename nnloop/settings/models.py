"""Settings of the LLMs, their fine-tune and the tiny one's pretraining."""

from dataclasses import dataclass
from typing import Any

from nnloop.settings.setting import PLACE, RESULT, setting

_DTYPES = ("auto", "float32", "bfloat16", "float16")
_QUANTIZE = ("none", "int8", "nf4")


@dataclass
class CausalLlmSettings:
    """The settings of a causal LM, wherever it runs; those of its weights hold where they are loaded."""

    name: str = setting(RESULT)
    revision: str | None = setting(RESULT)
    adapter: str | None = setting(RESULT)  # folder of a LoRA adapter to start from (the papers' transfer); None: bare
    prompt: str = setting(RESULT)  # the words of its prompts, unless mode.prompt names others (modes.templates)
    system: str | None = setting(RESULT)  # text of the system's message; None: none is sent
    template: dict[str, Any] = setting(
        RESULT
    )  # options of its chat template, such as enable_thinking (vLLM's chat_template_kwargs)
    device: str = setting(PLACE)  # auto, cpu, cuda, cuda:1, ..., or balanced: layers spread over all GPUs
    quantize: str = setting(RESULT, words=_QUANTIZE)  # the latter two by bitsandbytes, extra `gpu`
    dtype: str = setting(RESULT, words=_DTYPES)  # auto: bfloat16 on a GPU, float32 on a CPU
    temperature: float = setting(RESULT, 0, 10)  # 0 is greedy
    top_p: float = setting(RESULT, 1e-6, 1)
    max_new_tokens: dict[str, int] = setting(RESULT, 1, 1e12, unit="tokens")  # by mode
    max_repeats: int = setting(RESULT, 0, 1e6)  # equal pieces in a row that end a completion as a loop; 0: none does
    context_length: int = setting(RESULT, 16, 1e7, unit="tokens")  # prompt and completion together
    batch_size: int = setting(PLACE, 1, 4096)  # prompts generated together, requests at once
    diff_context: int = setting(RESULT, 0, 100, unit="lines")  # of context in the diffs it is trained to write
    diff_line_numbers: bool = setting(RESULT)  # those diffs carry headers and line numbers


@dataclass
class HfLlmSettings(CausalLlmSettings):
    """A causal LM run by transformers."""

    engine: str = setting(RESULT, words=["hf"])
    model: str = setting(RESULT)  # hub id or folder
    offload: bool = setting(PLACE)  # free the weights' memory while trials alone run, and read them again when needed
    top_k: int = setting(RESULT, 0, 1e6)  # 0 is off


@dataclass
class OpenAiLlmSettings(CausalLlmSettings):
    """A model behind an OpenAI-compatible server, which also loads the adapter."""

    engine: str = setting(RESULT, words=["openai"])
    base_url: str = setting(RESULT)  # up to and with /v1
    model: str | None = setting(RESULT)  # as the server names it; None: the first that it offers
    weights: str | None = setting(RESULT)  # hub id or folder of the served model, to tune it here; None: not tuned
    key_variable: str = setting(PLACE)  # environment variable that holds the key; unset is no key
    request: dict[str, Any] = setting(RESULT)  # fields of a request, added or replaced; null drops one of nnloop's own
    timeout_s: float = setting(PLACE, 0.1, 1e6)  # of a completion, its further tries and their waits included
    tries: int = setting(PLACE, 1, 100)  # per request, where the server is busy or does not answer


@dataclass
class RandomLlmSettings:
    """Random structural edits in place of an LLM: the control arm that no paper ran."""

    name: str = setting(RESULT)
    engine: str = setting(RESULT, words=["random"])
    operators: str = setting(RESULT, words=["uniform", "bandit"])  # bandit: by their success so far (Thompson sampling)
    edits: dict[str, int] = setting(RESULT, 1, 1e12)  # operators applied to the parent, by mode
    diff_context: int = setting(RESULT, 0, 100, unit="lines")
    diff_line_numbers: bool = setting(RESULT)


@dataclass
class ScriptedLlmSettings:
    """Replays a JSONL file of {"text": ...}: slot s of cycle c gets line c * candidates + s, wrapping."""

    name: str = setting(RESULT)
    engine: str = setting(RESULT, words=["scripted"])
    path: str = setting(RESULT)
    delay_s: float = setting(RESULT, 0, 3600)  # before each completion; a sweep over it needs a folder for each
    diff_context: int = setting(RESULT, 0, 100, unit="lines")
    diff_line_numbers: bool = setting(RESULT)


LlmSettings = HfLlmSettings | OpenAiLlmSettings | RandomLlmSettings | ScriptedLlmSettings


@dataclass
class LoraSettings:
    """PEFT LoRA at the end of each cycle (papers A and B: r 32, alpha 32, dropout 0.05, lr 1e-5)."""

    name: str = setting(RESULT, words=["lora"])
    rank: int = setting(RESULT, 1, 4096)
    alpha: int = setting(RESULT, 1, 65_536)
    dropout: float = setting(RESULT, 0, 0.99)
    targets: list[str] = setting(RESULT)  # names of the linear layers; auto: all that the model has
    layers: int | None = setting(RESULT, 1, 1e6)  # only the first so many blocks (paper A: 24 of 30); None: all
    lr: float = setting(RESULT, 0, 1)
    epochs: int = setting(RESULT, 1, 1000)
    batch_size: int = setting(RESULT, 1, 4096)
    accumulation: int = setting(RESULT, 1, 4096)  # batches per optimizer step
    packing: bool = setting(RESULT)  # put a step's pairs end to end in rows of max_length instead of padding them
    gradient_checkpointing: bool = setting(PLACE)  # compute activations twice instead of keeping them
    optimizer: str = setting(RESULT, words=["auto", "adamw", "paged_adamw_8bit"])  # auto: the last on a GPU that has it
    warmup_steps: int = setting(RESULT, 0, 1e6)
    weight_decay: float = setting(RESULT, 0, 10)
    clip_norm: float = setting(RESULT, 0, 1e6)
    max_length: int = setting(RESULT, 16, 1e7, unit="tokens")  # of a pair; longer ones are dropped and counted
    source: str = setting(RESULT, words=["both", "run", "corpus"])  # of the pairs; both: the run's, filled up
    before: bool = setting(RESULT)  # tune on pairs of the corpus before the first cycle too
    redraw: bool = setting(RESULT)  # sample the corpus' pairs anew in each cycle; false: the same ones in all
    loss_on: str = setting(RESULT, words=["completion", "all"])  # all: the prompt's tokens count too
    keep: str = setting(RESULT, words=["last", "best"])  # epoch whose weights stay; best: by the held-out loss
    max_pairs: int = setting(RESULT, 1, 1e6)  # newest pairs of selected networks with their parents, for one cycle
    corpus_pairs: int = setting(RESULT, 0, 1e6)  # pairs of corpus networks that fill them up, at most
    held_out: float = setting(RESULT, 0, 0.9)  # share of the networks whose pairs only measure the loss
    checkpoint_minutes: float = setting(PLACE, 0, 1e6)  # between saved states; 0: one after every step
    restart: bool = setting(RESULT)  # begin each cycle's adapter at llm.adapter or the bare model, not at the last one


@dataclass
class NoFinetuneSettings:
    """The LLM stays frozen."""

    name: str = setting(RESULT, words=["off"])


FinetuneSettings = LoraSettings | NoFinetuneSettings


@dataclass
class PretrainSettings:
    """The recipe of job=pretrain. The learning rates are warmed up, held, and let down linearly at the end."""

    name: str = setting(RESULT, words=["pretrain"])
    seed: int = setting(RESULT, 0, 2**31 - 1)
    steps: int = setting(RESULT, 1, 1e9)
    warmup_steps: int = setting(RESULT, 0, 1e9)
    decay_share: float = setting(RESULT, 0, 1)  # of all steps
    batch_tokens: int = setting(RESULT, 64, 1e9)  # a step, padding counted in
    row_tokens: int = setting(RESULT, 64, 2048)  # longer rows lose their last answers
    delta_answers: int = setting(RESULT, 1, 1000)  # a row
    full_answers: int = setting(RESULT, 1, 1000)
    full_share: float = setting(RESULT, 0, 1)  # of rows
    prompt_weight: float = setting(RESULT, 0, 1)  # of a prompt's token in the loss; an answer's has 1
    matrix_lr: float = setting(RESULT, 0, 1)  # Muon: the matrices of the layers
    other_lr: float = setting(RESULT, 0, 1)  # AdamW: embeddings, norms and biases
    weight_decay: float = setting(RESULT, 0, 10)  # of the matrices
    vocab_size: int = setting(RESULT, 300, 1e6)
    tokenizer_documents: int = setting(RESULT, 1, 1e9)
    layers: int = setting(RESULT, 1, 1000)
    hidden_size: int = setting(RESULT, 8, 1e6)
    feed_forward: int = setting(RESULT, 8, 1e6)
    heads: int = setting(RESULT, 1, 1000)
    kv_heads: int = setting(RESULT, 1, 1000)
    device: str = setting(PLACE)  # auto, cpu, cuda
    threads: int = setting(PLACE, 1, 4096)
    workers: int = setting(PLACE, 0, 4096)  # processes that write rows
    compile: bool = setting(RESULT)
    checkpoint_minutes: float = setting(PLACE, 0, 1e6)
    evaluate_every: int = setting(RESULT, 1, 1e9, unit="steps")
    evaluate_networks: int = setting(RESULT, 1, 1e6)  # held out
