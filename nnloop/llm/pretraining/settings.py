"""What job=pretrain is told; the values stand in conf/job/pretrain.yaml."""

from nnloop.errors import SettingsError
from nnloop.settings import PretrainSettings


def checked(settings: PretrainSettings) -> PretrainSettings:
    """Refuse what can't be trained; raises SettingsError."""
    for name in ("steps", "batch_tokens", "row_tokens", "layers", "vocab_size", "threads"):
        if getattr(settings, name) < 1:
            raise SettingsError(f"{name} is {getattr(settings, name)}; it has to be at least 1")
    if settings.hidden_size % settings.heads or settings.heads % settings.kv_heads:
        raise SettingsError("hidden_size has to be a multiple of heads, and heads one of kv_heads")
    return settings
