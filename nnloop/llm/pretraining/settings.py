"""What job=pretrain is told; the values stand in conf/job/pretrain.yaml."""

from dataclasses import dataclass

from nnloop.errors import SettingsError


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


def checked(settings: PretrainSettings) -> PretrainSettings:
    """Refuse what can't be trained; raises SettingsError."""
    for name in ("steps", "batch_tokens", "row_tokens", "layers", "vocab_size", "threads"):
        if getattr(settings, name) < 1:
            raise SettingsError(f"{name} is {getattr(settings, name)}; it has to be at least 1")
    if settings.hidden_size % settings.heads or settings.heads % settings.kv_heads:
        raise SettingsError("hidden_size has to be a multiple of heads, and heads one of kv_heads")
    return settings
