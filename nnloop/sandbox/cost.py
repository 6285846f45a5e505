"""Compare the work of a training with the work that its recipe has, in processor seconds that the supervisor counts.

A training does what the evaluation's process does too (building, checks, a few passes), and its steps. The evaluation's
process repeats some of these steps and tells their cost. A network that does much more than that in training has done
something beside the recipe; one that does much less has not trained.

Not seen: extra work below the bound, and work that the evaluation's process pretends to need as well.
"""

from nnloop.training.recipe import Recipe, steps_per_epoch

MOST = 3.0
"""Times the expected work. 49 honest trainings took 0.6 to 3.8 times as much beside five others on each core; with
`SLACK_S`, none was beyond the bound."""
LEAST = 0.2
SLACK_S = 1.0
COSTLY = "its training does not cost what its steps do"


def find_excess(train_s: float, evaluation_s: float, step_s: float, *, recipe: Recipe, images: int) -> str:
    """Say in one line how far a whole training's processor seconds are from the expected; empty if they are near.

    `step_s` are those of one step in the evaluation's process; 0: no step was repeated, and nothing is compared.
    `images` is the size of the training set.
    """
    if not step_s:
        return ""
    steps = recipe.epochs * steps_per_epoch(images, recipe.batch_size)
    expected = evaluation_s + steps * step_s
    if train_s > SLACK_S + MOST * expected:
        return f"{COSTLY}: {train_s:.1f} s of work, where {steps} steps and all else take {expected:.1f} s"
    if train_s < LEAST * steps * step_s - SLACK_S:
        return f"{COSTLY}: {train_s:.1f} s of work, where {steps} steps take {steps * step_s:.1f} s"
    return ""
