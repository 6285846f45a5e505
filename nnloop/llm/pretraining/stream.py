"""The corpus of the tiny LLM: an endless, seeded stream of networks shown and answers to them.

A document shows one network and holds several answers to it: diffs of one to three edits, or whole networks two to
five edits away. Nothing is selected by accuracy; the closed loop teaches which edits raise it.
"""

import random
from dataclasses import dataclass, replace

from nnloop.corpus.edits import mutate, random_network
from nnloop.modes.render import Task, delta_target, full_target, render
from nnloop.modes.templates import shipped
from nnloop.records import Network, candidate_id
from nnloop.settings import PretrainSettings

_CIFAR10 = "colour photographs of aeroplanes, cars, birds, cats, deer, dogs, frogs, horses, ships and trucks"
_IMAGENETTE = "colour photographs of ten easily told classes of ImageNet"
TASKS = (
    Task("CIFAR-10", _CIFAR10, classes=10, channels=3, size=32),
    Task("CIFAR-100", "colour photographs of 100 kinds of things", classes=100, channels=3, size=32),
    Task("MNIST", "grey images of handwritten digits", classes=10, channels=1, size=28),
    Task("SVHN", "colour photographs of house numbers", classes=10, channels=3, size=32),
    Task("Imagenette", _IMAGENETTE, classes=10, channels=3, size=128),
    Task("CelebA", "colour photographs of faces, by gender", classes=2, channels=3, size=64),
    Task("Digits", "grey 8x8 images of handwritten digits", classes=10, channels=1, size=8),
)
HELD_OUT = 64
"""One network in so many, by its id, is never shown in training."""


@dataclass(frozen=True, slots=True)
class Document:
    """One prompt with several answers to it."""

    prompt: str
    answers: tuple[str, ...]


def document(index: int, settings: PretrainSettings) -> Document:
    """Make the document of that index; it depends on the settings alone, not on documents made before."""
    rng = random.Random(f"{settings.seed}/{index}")
    full = rng.random() < settings.full_share
    mode, answers = ("full", settings.full_answers) if full else ("delta", settings.delta_answers)
    code = random_network(rng)
    while held_out(code):
        code = random_network(rng)
    texts = {_answer(mode, code, rng) for _ in range(answers)}
    return Document(prompt(mode, code, rng), tuple(sorted(texts)))


def prompt(mode: str, code: str, rng: random.Random) -> str:
    """Show a network under a random task and, in seven of ten prompts, a random accuracy."""
    task = rng.choice(TASKS)
    if rng.random() < 0.1:
        task = replace(task, max_params=rng.randint(1, 50) * 10_000)
    accuracy = rng.random() if rng.random() < 0.7 else None
    network = Network(candidate_id(code), code, name="", val_accuracy=accuracy)
    return render(shipped("tiny"), network, task, form=mode).text


def held_out(code: str) -> bool:
    """Return whether a network is kept from training, which its id alone decides."""
    return int(candidate_id(code), 16) % HELD_OUT == 0


def held_out_networks(seed: int, count: int) -> list[str]:
    """Sample so many distinct networks that no document shows."""
    rng = random.Random(f"held out/{seed}")
    networks: dict[str, None] = {}
    while len(networks) < count:
        code = random_network(rng)
        if held_out(code):
            networks[code] = None
    return list(networks)


def _answer(mode: str, code: str, rng: random.Random) -> str:
    if mode == "full":
        return full_target(mutate(code, rng, rng.randint(2, 5)))
    edited = mutate(code, rng, rng.choices((1, 2, 3), (0.75, 0.18, 0.07))[0])
    if edited == code:  # a later edit took the first one back
        return _answer(mode, code, rng)
    return delta_target(code, edited, context_lines=1, line_numbers=False)
