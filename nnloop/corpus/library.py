"""Helper classes that an edit may bring into a file: the classes that our seed networks define."""

import ast
import functools

from nnloop.corpus import seeds

GATES = ("ECA", "Focus")  # keep the shape, whatever it is
BLOCKS = ("Cross", "Dilated", "Gated", "Inverted", "Maxout", "Next", "Separable")  # take c, need no other class


@functools.cache
def helper_classes() -> dict[str, str]:
    """Return the text of every helper class of the seeds, by name; of two of one name, the first seed's."""
    texts: dict[str, str] = {}
    for seed in seeds():
        for node in ast.parse(seed.code).body:
            if isinstance(node, ast.ClassDef) and node.name != "Net":
                texts.setdefault(node.name, ast.get_source_segment(seed.code, node) or "")
    return texts
