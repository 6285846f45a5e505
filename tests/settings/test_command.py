"""A text reaches its setting as the shell gives it; what Hydra's grammar means elsewhere keeps its meaning."""

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given
from hypothesis import strategies as st

from nnloop.settings.command import prepare, readable


def parsed(argument: str, *flags: str) -> object:
    (override,) = prepare([*flags, argument])[len(flags) :]
    return OverridesParser.create().parse_override(override).value()


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12))
@example("outputs/search/a-finetune=off-llm.top_p=0.5/code/1.py")
@example("a[1],b (c) it's {d: ü}")
@example("\\\\'\\")
@example("x\\")
def test_any_path_arrives_as_it_is(path: str) -> None:
    quoted = len(path) > 1 and path[0] == path[-1] and path[0] in "'\""
    if path.lower() != "null" and not quoted and not path.startswith("~"):
        assert parsed(f"candidate={path}") == path
        assert readable(prepare([f"candidate={path}"])[0]) == f"candidate={path}"


@pytest.mark.parametrize(
    "key",
    ["candidate", "runs", "to", "folder", "summaries", "resume", "name", "llm.adapter", "llm.model", "llm.path",
     "llm.weights", "llm.base_url", "dataset.root", "corpus.path", "mode.prompt", "job.baseline", "hydra.run.dir"],
)  # fmt: skip
def test_every_key_of_a_path_takes_signs_that_hydra_refuses(key: str) -> None:
    assert parsed(f"{key}=a=b[1] ü,c") == "a=b[1] ü,c"
    assert parsed(f'{key}="a=b"') == "a=b"  # quoted for Hydra by hand
    assert parsed(f"{key}=null") is None


@pytest.mark.parametrize(
    "argument", ["cycles=3", "sandbox.without=[net]", "finetune.targets=[a,b]", "llm.max_new_tokens={delta:3}",
                 "llm=a,b", "nonsense=a=b", "-m", "--config-name", "job=report", "candidate=", "~llm",
                 "llm.quantize=nf4"],
)  # fmt: skip
def test_all_else_is_left_alone(argument: str) -> None:
    assert prepare([argument]) == [argument]


def test_in_a_multirun_commas_separate_values_unless_there_is_such_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert prepare(["-m", "llm.model=a,b"])[1] == "llm.model=a,b"
    assert prepare(["-m", "llm.adapter=null,out/x=1"])[1] == "llm.adapter=null,'out/x=1'"
    assert prepare(["-m", "candidate='a=1','b'"])[1] == "candidate='a=1','b'"
    (tmp_path / "a,b").touch()
    assert prepare(["-m", "candidate=a,b"])[1] == "candidate='a,b'"


def test_a_home_folder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/of=me")
    assert parsed("runs=~/runs") == "/home/of=me/runs"


def test_fields_may_be_added_to_an_open_dict() -> None:
    assert prepare(["llm.request.seed=null", "+llm.request.top_k=3", "executor.additional_parameters={x:1}"]) == [
        "++llm.request.seed=null",
        "++llm.request.top_k=3",
        "++executor.additional_parameters={x:1}",
    ]


def test_no_overlay_is_the_same_as_none_named() -> None:
    assert prepare(["experiment=null", "cycles=1", "debug=null"]) == ["cycles=1"]
