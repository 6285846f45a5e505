"""What job=pretrain is told; the values stand in conf/job/pretrain.yaml."""

from dataclasses import dataclass


@dataclass
class PretrainSettings:
    """The recipe. The learning rate is warmed up, held, and let down linearly at the end."""

    name: str = "pretrain"
    seed: int = 0
    steps: int = 6000
    warmup_steps: int = 50
    decay_share: float = 0.3  # of all steps
    batch_tokens: int = 8192  # a step, padding counted in
    row_tokens: int = 768  # longer rows lose their last answers
    delta_answers: int = 8  # a row
    full_answers: int = 2
    full_share: float = 0.35  # of rows
    prompt_weight: float = 0.05  # of a prompt's token in the loss; an answer's has 1
    matrix_lr: float = 0.004  # Muon: the matrices of the layers
    other_lr: float = 0.002  # AdamW: embeddings, norms and biases
    weight_decay: float = 0.01
    vocab_size: int = 2048
    tokenizer_documents: int = 2000
    layers: int = 4
    hidden_size: int = 256
    feed_forward: int = 640
    heads: int = 4
    kv_heads: int = 2
    device: str = "auto"
    threads: int = 2
    workers: int = 1  # processes that write rows
    compile: bool = False
    checkpoint_minutes: float = 4.0
    evaluate_every: int = 200  # steps
    evaluate_networks: int = 48  # held out


def checked(settings: PretrainSettings) -> PretrainSettings:
    """Refuse what can't be trained; raises SettingsError."""
    from nnloop.errors import SettingsError

    for name in ("steps", "batch_tokens", "row_tokens", "layers", "vocab_size", "threads"):
        if getattr(settings, name) < 1:
            raise SettingsError(f"{name} is {getattr(settings, name)}; it has to be at least 1")
    if settings.hidden_size % settings.heads or settings.heads % settings.kv_heads:
        raise SettingsError("hidden_size has to be a multiple of heads, and heads one of kv_heads")
    return settings
