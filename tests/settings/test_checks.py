"""Settings that have the right types and still make no sense."""

import pytest

from nnloop.errors import SettingsError
from nnloop.settings.checks import refuse_unknown
from nnloop.settings.hints import RENAMED, unknown_key
from nnloop.settings.keys import allowed


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["cycles=0"], "cycles=0: must lie between 1 and 10000"),
        (["dataset.crop_pad=65"], "dataset.crop_pad=65: must lie between 0 and 64 pixels"),
        (["llm.max_new_tokens.delta=0"], "llm.max_new_tokens.delta=0: must lie between 1 and 1e\\+12 tokens"),
        (["summaries=x.jsonl.xz"], "summaries=x.jsonl.xz: only job=report packs summaries in a file; give a folder"),
        (["selection.rule=best"], "selection.rule=best: must be one of better, good, admitted, all"),
        (["sandbox.name=none"], "sandbox.name=none: must be one of auto, inline, strict"),
        (["parents=quality_diversity", "parents.descriptors=[depth,width]"], "parents.descriptors=width: must be one"),
        (["parents=quality_diversity", "parents.descriptors=[]"], "parents.descriptors=\\[\\]: name at least one of"),
        (["proxy=lemur", "proxy.transform=blur"], "proxy.transform=blur: must be echo or norm"),
        (
            ["llm=random", "+llm.edits.both=9"],
            "llm.edits.both: no such setting; allowed: llm.edits.delta, llm.edits.full",
        ),
        (
            ["+llm.max_new_tokens.both=9"],
            "llm.max_new_tokens.both: no such setting; allowed: llm.max_new_tokens.delta, llm.max",
        ),
        (["llm.max_repeats=1"], "llm.max_repeats=1: once is no loop; must be 0, for none, or at least 2"),
        (["mode.fuzz=-1"], "mode.fuzz=-1: must lie between 0 and 100 lines"),
        (["llm.dtype=float16"], "llm.dtype=float16: can't be tuned"),
        (["llm=openai"], "llm.weights: finetune=lora needs the served model's weights"),
        (["job=pretrain", "job.heads=3"], "job.hidden_size=256, job.heads=3, job.kv_heads=2: hidden_size has to be"),
    ],
)
def test_a_value_out_of_its_range_or_without_sense_is_refused(overrides, message, configure) -> None:
    with pytest.raises(SettingsError, match=f"^{message}"):
        configure(*overrides)


@pytest.mark.parametrize("job", ["evaluate", "report", "validate", "export", "adopt"])
def test_a_job_without_the_setting_that_it_needs_is_refused(job: str, configure) -> None:
    with pytest.raises(SettingsError, match=f"^(candidate|runs|folder): job={job} needs (candidate|runs|folder)=<"):
        configure(f"job={job}")


@pytest.mark.parametrize("given", ["candidate=x.py", "runs=x", "to=x", "folder=x"])
def test_a_search_refuses_the_settings_that_are_another_jobs(given: str, configure) -> None:
    key = given.partition("=")[0]
    with pytest.raises(SettingsError, match=f"^{key}=x.*: job=search has no use for it; job="):
        configure(given)


def test_a_renamed_key_is_refused_with_its_new_name() -> None:
    for old, new in RENAMED.items():
        assert unknown_key(old) == f"{old}: is now called {new}"
        assert new.split(" ")[0] in {*allowed("seed"), *allowed(new.split(" ")[0])}
    assert unknown_key("llm.lora.rank") == "llm.lora.rank: is now called finetune.rank"
    with pytest.raises(SettingsError, match=r"^mode\.tolerant: is now called mode\.salvage$"):
        refuse_unknown("mode.", {"tolerant", "name"}, {"name", "salvage"})
