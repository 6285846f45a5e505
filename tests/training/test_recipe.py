"""The recipe: from settings to plain numbers, and across to the child as JSON."""

import json

from nnloop.settings import Settings
from nnloop.training.recipe import Recipe, build_recipe


def composed(configure, proxy: str) -> Recipe:
    settings: Settings = configure("dataset=cifar10", f"proxy={proxy}")
    return build_recipe(settings.dataset, settings.proxy, epochs=2, images=40_000)


def test_a_recipe_crosses_as_json_unchanged(configure) -> None:
    for proxy in ("fast", "lemur", "long"):
        made = composed(configure, proxy)
        assert Recipe.from_json(json.loads(made.line())) == made
