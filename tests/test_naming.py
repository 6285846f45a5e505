"""A run folder is named by every override that affects results, and by no other."""

import re

from nnloop.naming import run_folder, run_subfolder


def test_a_searchs_folder_names_every_override_that_affects_results(configure) -> None:
    given = ["llm=tiny", "dataset=digits", "seed=3", "finetune=off"]
    beside = [
        "executor.workers=1",
        "dataset.root=/x",
        "llm.device=cpu",
        "budget.hours=1",
        "summaries=y",
        "tracker=none",
    ]
    telling = ["executor.wall_s=9", "executor.memory_gb=2", "sandbox.scratch_mb=8", "+llm.top_p=0.5"]
    named = "finetune=off-llm.top_p=0.5-sandbox.scratch_mb=8"
    settings = configure(*given)
    assert run_subfolder(settings, [*given, *beside, *telling]) == (
        f"tiny-digits-delta-s3-executor.memory_gb=2-executor.wall_s=9-{named}"
    )
    assert run_folder(settings, given) == "outputs/search/tiny-digits-delta-s3-finetune=off"


def test_a_job_that_can_go_on_finds_its_folder_again_and_others_get_new_ones(configure) -> None:
    given = ["job=validate", "runs=a/b", "seed=1", "executor.workers=2"]
    assert re.fullmatch(r"validate-runs=a_b~\w+-seed=1", run_subfolder(configure(*given), given))
    evaluate = configure("job=evaluate", "candidate=x.py")
    assert re.fullmatch(r"evaluate-\d+-\d+", run_subfolder(evaluate, []))
    assert re.fullmatch(r"evaluate-\d+-\d+-7", run_subfolder(evaluate, [], 7))


def test_overrides_that_make_no_file_name_still_get_folders_of_their_own(configure) -> None:
    settings = configure("llm=tiny")
    names = {run_subfolder(settings, [f"llm.model=a{c}b"]) for c in "/:?*_"}
    assert len(names) == 5
    assert not any("/" in name for name in names)
