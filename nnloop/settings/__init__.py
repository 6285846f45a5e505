"""Every setting: its type, range, unit, reason, and the part of a run that it affects.

`groups` holds the dataclass of the whole config; it and `models`, `evaluation` and `strategy` hold those of its groups,
and this package exports them all. `load` turns a composed config into them and is the last place that sees OmegaConf;
`checks` holds the rules beyond a single setting's, `idle` tells overrides without effect, and `keys` tells of a dotted
key what it affects.
"""

from nnloop.settings.evaluation import *  # noqa: F403
from nnloop.settings.groups import *  # noqa: F403
from nnloop.settings.models import *  # noqa: F403
from nnloop.settings.strategy import *  # noqa: F403
