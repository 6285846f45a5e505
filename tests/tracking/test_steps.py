"""Steps of rows grow with the search, and the last one that was recorded is known after a restart."""

from pathlib import Path

from nnloop.runs.durable import write_json
from nnloop.tracking.steps import Recorded, candidate_at, closed_at, finetune_at, parts


def test_steps_grow_in_the_order_in_which_a_search_logs() -> None:
    order = [finetune_at(-1, 1), finetune_at(-1, 2)]  # before the first cycle
    for cycle in (0, 1, 9999):
        order += [candidate_at(cycle, 0), candidate_at(cycle, 1_099_999), finetune_at(cycle, 1)]
        order += [finetune_at(cycle, 10**9), closed_at(cycle)]
    assert order == sorted(set(order))
    assert {step % 2 for step in order} == {0}  # the odd ones are free


def test_a_folder_from_before_there_were_finer_rows_counts_its_closed_cycles(tmp_path: Path) -> None:
    assert Recorded(tmp_path).last() == -1
    write_json(tmp_path / "logged.json", {"logged": [0, 1], "begun": None})
    assert Recorded(tmp_path).last() == closed_at(1)
    Recorded(tmp_path).mark(closed_at(4))
    assert Recorded(tmp_path).last() == closed_at(4)


def test_a_part_that_was_uploaded_is_not_named_again(tmp_path: Path) -> None:
    for number in (1, 2):
        part = tmp_path / f"offline-run-{number}"
        part.mkdir()
        (part / "run-x.wandb").touch()
    (tmp_path / "offline-run-1" / "run-x.wandb.synced").touch()
    assert parts(tmp_path) == [tmp_path / "offline-run-2"]
