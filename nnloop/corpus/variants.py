"""Networks that differ little from those of a corpus: the pairs that they make with them are short as diffs.

Only seeds get theirs here; LEMUR's are among its own networks (`curation.variants`).
"""

import random
from collections.abc import Sequence

from nnloop.corpus.edits import random_edit
from nnloop.records import Network, candidate_id


def edited(networks: Sequence[Network], count: int) -> list[Network]:
    """Make up to `count` single edits of the networks, which take turns; networks in another idiom have none.

    An edit depends on its network and its number alone.
    """
    known = {network.id for network in networks}
    made: list[Network] = []
    for number in range(-(-count // max(1, len(networks)))):
        for network in networks[: count - number * len(networks)]:
            try:
                code = random_edit(network.code, random.Random(f"variant/{network.id}/{number}"))
            except ValueError:
                continue
            id = candidate_id(code)
            if id not in known:
                known.add(id)
                made.append(Network(id, code, f"{network.name}-{number}", variant_of=network.id))
    return made
