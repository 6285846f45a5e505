"""Every setting: its type, range, unit, reason, and the part of a run that it affects.

`groups` has the dataclass of the whole config; its groups' dataclasses are there and in `models`, `evaluation` and
`strategy`, and this package exports them all. `load` makes them from a composed config and is the last module that sees
OmegaConf; `checks` has rules about several settings, `idle` reports overrides without effect, and `keys` tells what a
dotted key affects.
"""

from nnloop.settings.evaluation import *  # noqa: F403
from nnloop.settings.groups import *  # noqa: F403
from nnloop.settings.models import *  # noqa: F403
from nnloop.settings.strategy import *  # noqa: F403
