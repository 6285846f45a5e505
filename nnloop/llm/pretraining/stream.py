"""The corpus of the tiny LLM: an endless, seeded stream of networks shown and what to answer.

A document shows one baseline and holds several answers to it: diffs of one to three edits, or whole networks two to
five edits away. Nothing is selected by accuracy: what rises in the closed loop is learned there.
"""

import random
from dataclasses import dataclass

from nnloop.corpus.edits import mutate, random_network
from nnloop.modes.render import Task, delta_target, full_target, render
from nnloop.records import Network, candidate_id

TASKS = (
    Task(
        "CIFAR-10",
        "colour photographs of aeroplanes, cars, birds, cats, deer, dogs, frogs, horses, ships and trucks",
        10,
        3,
        32,
    ),
    Task("CIFAR-100", "colour photographs of 100 kinds of things", 100, 3, 32),
    Task("MNIST", "grey images of handwritten digits", 10, 1, 28),
    Task("SVHN", "colour photographs of house numbers", 10, 3, 32),
    Task("Imagenette", "colour photographs of ten easily told classes of ImageNet", 10, 3, 128),
    Task("CelebA", "colour photographs of faces, by gender", 2, 3, 64),
    Task("Digits", "grey 8x8 images of handwritten digits", 10, 1, 8),
)
HELD_OUT = 64
"""One network in so many, by its id, is never shown in training."""


@dataclass(frozen=True, slots=True)
class Document:
    prompt: str
    answers: tuple[str, ...]


def held_out(code: str) -> bool:
    return int(candidate_id(code), 16) % HELD_OUT == 0


def document(seed: int, index: int, full_share: float, answers: dict[str, int]) -> Document:
    """Make the document of that index: the same for the same arguments, whatever was made before."""
    rng = random.Random(f"{seed}/{index}")
    mode = "full" if rng.random() < full_share else "delta"
    code = random_network(rng)
    while held_out(code):
        code = random_network(rng)
    texts = {_answer(mode, code, rng) for _ in range(answers[mode])}
    return Document(prompt(mode, code, rng), tuple(sorted(texts)))


def prompt(mode: str, code: str, rng: random.Random) -> str:
    """Show a network under a task and an accuracy drawn at random."""
    task = rng.choice(TASKS)
    if rng.random() < 0.1:
        task = Task(
            task.title, task.description, task.classes, task.channels, task.size, max_params=rng.randint(1, 50) * 10_000
        )
    accuracy = rng.random() if rng.random() < 0.7 else None
    return render(mode, Network(candidate_id(code), code, "", accuracy), task).text


def held_out_networks(seed: int, count: int) -> list[str]:
    """Draw distinct networks that no document shows."""
    rng = random.Random(f"held out/{seed}")
    found: dict[str, None] = {}
    while len(found) < count:
        code = random_network(rng)
        if held_out(code):
            found[code] = None
    return list(found)


def _answer(mode: str, code: str, rng: random.Random) -> str:
    if mode == "full":
        return full_target(mutate(code, rng, rng.randint(2, 5)))
    edited = mutate(code, rng, rng.choices((1, 2, 3), (0.75, 0.18, 0.07))[0])
    if edited == code:  # a later edit took the first one back
        return _answer(mode, code, rng)
    return delta_target(code, edited, context_lines=1, line_numbers=False)
