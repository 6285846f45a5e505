from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_run import make_run, settings

from nnloop.errors import RunFolderError
from nnloop.report.measures.compare import compare
from nnloop.report.measures.protocols import by_protocol
from nnloop.report.measures.read import Run, read
from nnloop.report.tables import write_runs
from nnloop.runs.digest import Digest

DIGEST = Digest("p", "t", "w")
DIGITS = settings()["dataset"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read(make_run(tmp_path_factory.mktemp("runs") / "one", 1, 4).path)


def like(run: Run, name: str, digest: Digest | None, **meta: Any) -> Run:
    """The same run under another name and digest."""
    return replace(run, name=name, meta=run.meta | {"digest": digest and digest.to_json()} | meta)


def of_llm(run: Run, llm: str) -> Run:
    settings = run.meta["settings"]
    return replace(run, meta=run.meta | {"settings": settings | {"llm": settings["llm"] | {"name": llm}}})


@pytest.mark.parametrize("part", ["protocol", "training", "weights"])
def test_runs_stand_apart_if_any_part_of_their_digests_differs(run: Run, part: str) -> None:
    runs = [like(run, "a", DIGEST), like(run, "b", replace(DIGEST, **{part: "x"})), like(run, "c", DIGEST)]
    groups = by_protocol(runs)
    assert sorted([one.name for one in members] for members in groups.values()) == [["a", "c"], ["b"]]
    assert all(heading.startswith(f"{run.protocol}, protocol ") for heading in groups)


def test_other_llms_have_other_weights_and_stand_together(run: Run) -> None:
    other = of_llm(like(run, "b", replace(DIGEST, weights=None)), "random")
    assert list(by_protocol([like(run, "a", DIGEST), other])) == [run.protocol]


def test_runs_without_a_digest_stand_together_if_one_sweep_made_them(run: Run) -> None:
    old = [like(run, "a", None), like(run, "b", None, commit="abc+")]
    assert list(by_protocol(old)) == [run.protocol]
    assert len(by_protocol([*old, like(run, "c", None, commit="def"), like(run, "d", DIGEST)])) == 3


def test_a_table_or_comparison_of_two_digests_is_refused_and_names_both_and_the_runs(run: Run, tmp_path: Path) -> None:
    runs = [like(run, "mine", DIGEST), like(run, "yours", replace(DIGEST, training="u"))]
    named = r"two digests .*training code t \(mine\); .*training code u \(yours\)"
    with pytest.raises(RunFolderError, match=named):
        compare(runs, "protocol")
    with pytest.raises(RunFolderError, match=named):
        write_runs(runs, tmp_path, 1)
    write_runs(runs[:1], tmp_path, 1)
    assert "protocol p, training code t, weights w" in (tmp_path / "runs-1.csv").read_text()


def test_a_run_on_a_part_of_the_data_says_so_and_stands_apart(tmp_path: Path) -> None:
    whole = read(make_run(tmp_path / "whole").path)
    part = read(make_run(tmp_path / "part", dataset={**DIGITS, "train_limit": 1000, "test_limit": 50}).path)
    assert part.protocol.startswith("Digits (only 1,000 train images and 50 test images), proxy fast")
    assert len(by_protocol([whole, part])) == 2


def test_settings_that_older_runs_did_not_have_do_not_part_them(tmp_path: Path) -> None:
    older = read(make_run(tmp_path / "older").path)
    newer = read(make_run(tmp_path / "newer", dataset={**DIGITS, "train_limit": None, "mirror": None}).path)
    assert list(by_protocol([older, newer])) == [older.protocol]


def test_where_the_data_lie_makes_no_other_recipe(tmp_path: Path) -> None:
    roots = ("/here", "/there")
    data = {"name": "digits", "title": "Digits", "classes": 10}
    runs = [make_run(tmp_path / f"r{i}", 1, 4, dataset=data | {"root": root}) for i, root in enumerate(roots)]
    assert len(by_protocol([read(run.path) for run in runs])) == 1
