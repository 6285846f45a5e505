"""Settings of the LLMs, their fine-tune and the tiny one's pretraining."""

from dataclasses import dataclass
from typing import Any


@dataclass
class HfLlmSettings:
    """A causal LM run by transformers."""

    name: str
    engine: str  # hf
    model: str  # hub id or folder
    revision: str | None
    adapter: str | None  # folder of a LoRA adapter to start from (the papers' transfer); None: the bare model
    device: str  # auto, cpu, cuda, cuda:1, ..., or balanced: layers spread over all GPUs
    quantize: str  # none, int8 or nf4 (bitsandbytes, extra `gpu`)
    offload: bool  # free the weights' memory while trials alone run, and read them again when needed
    dtype: str  # auto (bfloat16 on a GPU, float32 on a CPU), float32, bfloat16, float16
    temperature: float  # 0 is greedy
    top_k: int  # 0 is off
    top_p: float
    max_new_tokens: dict[str, int]  # by mode
    context_length: int  # tokens, prompt and completion together
    batch_size: int  # prompts generated together
    diff_context: int  # context lines of the diffs it is trained to write
    diff_line_numbers: bool  # whether those diffs carry headers and line numbers
    lora: dict[str, Any]  # values of finetune=lora that suit this model better than that file's


@dataclass
class OpenAiLlmSettings:
    """A model behind an OpenAI-compatible server."""

    name: str
    engine: str  # openai
    base_url: str  # up to and with /v1
    model: str | None  # as the server names it; None: the first that it offers
    weights: str | None  # hub id or folder of what is served, to tune it here; None: it can't be tuned
    revision: str | None  # of the weights
    adapter: str | None  # folder of a LoRA adapter to start from, which the server loads
    device: str  # of the fine-tune, as with llm.engine=hf, and so the next three
    quantize: str
    dtype: str
    context_length: int  # where the weights are given, prompts are counted before they are sent
    key_variable: str  # environment variable that holds the key; unset is no key
    temperature: float
    top_p: float
    max_new_tokens: dict[str, int]  # by mode
    batch_size: int  # requests at once
    timeout_s: float  # per request
    tries: int  # per request, where the server is busy or does not answer
    diff_context: int
    diff_line_numbers: bool


@dataclass
class RandomLlmSettings:
    """No LLM: random structural edits, the baseline that no paper ran."""

    name: str
    engine: str  # random
    edits: dict[str, int]  # operators applied to the baseline shown, by mode
    diff_context: int
    diff_line_numbers: bool


@dataclass
class ScriptedLlmSettings:
    """Replays a JSONL file of {"text": ...}: slot s of cycle c gets line c * candidates + s, wrapping."""

    name: str
    engine: str  # scripted
    path: str
    delay_s: float  # pause before each completion, so that a test can kill a run in the middle
    diff_context: int
    diff_line_numbers: bool


@dataclass
class LoraSettings:
    """PEFT LoRA at the end of each cycle (paper A and B: r 32, alpha 32, dropout 0.05, lr 1e-5)."""

    name: str
    rank: int
    alpha: int
    dropout: float
    targets: list[str]  # names of the linear layers
    layers: int | None  # only the first so many transformer blocks (paper A: 24 of 30); None is all
    lr: float
    epochs: int
    batch_size: int
    accumulation: int  # batches per optimizer step
    packing: bool  # lay a step's pairs end to end in rows of max_length instead of padding them, batch_size at once
    gradient_checkpointing: bool  # compute activations twice instead of keeping them
    optimizer: str  # adamw, paged_adamw_8bit (bitsandbytes), or auto: the latter on a GPU where it is installed
    warmup_steps: int
    weight_decay: float
    clip_norm: float
    max_length: int  # tokens of prompt and completion; longer pairs are dropped and counted
    max_pairs: int  # newest pairs of the run's selected networks with their parents that a cycle trains on
    corpus_pairs: int  # pairs of corpus networks that fill them up, at most
    held_out: float  # share of the networks whose pairs are left out, to tell the loss on what was not learned
    checkpoint_minutes: float  # a killed fine-tune goes on from what it saved so often; 0 is after every step
    restart: bool  # start each cycle's adapter from llm.adapter or the bare model instead of the last adapter


@dataclass
class NoFinetuneSettings:
    """The frozen-LLM baseline."""

    name: str


@dataclass
class PretrainSettings:
    """The recipe. The learning rates are warmed up, held, and let down linearly at the end."""

    name: str
    seed: int
    steps: int
    warmup_steps: int
    decay_share: float  # of all steps
    batch_tokens: int  # a step, padding counted in
    row_tokens: int  # longer rows lose their last answers
    delta_answers: int  # a row
    full_answers: int
    full_share: float  # of rows
    prompt_weight: float  # of a prompt's token in the loss; an answer's has 1
    matrix_lr: float  # Muon: the matrices of the layers
    other_lr: float  # AdamW: embeddings, norms and biases
    weight_decay: float  # of the matrices
    vocab_size: int
    tokenizer_documents: int
    layers: int
    hidden_size: int
    feed_forward: int
    heads: int
    kv_heads: int
    device: str  # auto, cpu, cuda
    threads: int
    workers: int  # processes that write rows
    compile: bool
    checkpoint_minutes: float
    evaluate_every: int  # steps
    evaluate_networks: int  # held out
