"""job=evaluate: given networks in, JSON lines out."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trials import network

from nnloop.errors import CandidateFileError
from nnloop.executor.local import LocalExecutor
from nnloop.jobs import evaluate
from nnloop.records import candidate_id
from nnloop.settings import Settings

Evaluate = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def evaluated(configure: Callable[..., Settings], executor: LocalExecutor) -> Evaluate:
    def judge(pattern: str) -> list[dict[str, Any]]:
        settings = configure("job=evaluate", "dataset=digits", f"candidate='{pattern}'")
        out = io.StringIO()
        evaluate.run(settings, Path(), out, executor=executor)
        return [json.loads(line) for line in out.getvalue().splitlines()]

    return judge


def test_a_network_gets_one_line(evaluated: Evaluate, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(network())
    (line,) = evaluated(str(tmp_path / "net.py"))
    assert list(line) == [
        "candidate", "id", "status", "reason", "val_accuracy", "test_accuracy", "params", "seconds",
    ]  # fmt: skip
    assert (line["candidate"], line["id"]) == (str(tmp_path / "net.py"), candidate_id(network()))
    assert (line["status"], line["params"]) == ("ok", 650)
    assert line["val_accuracy"] > 0.4


def test_a_glob_is_judged_in_path_order_whatever_the_verdicts(evaluated: Evaluate, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(network())
    (tmp_path / "b.py").write_text("class Net(:")
    (tmp_path / "c.py").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "d.py").write_text(network(init="1 / 0"))
    lines = evaluated(str(tmp_path / "*.py"))
    assert [Path(line["candidate"]).name for line in lines] == ["a.py", "b.py", "c.py", "d.py"]
    assert [line["status"] for line in lines] == ["ok", "unparseable", "unparseable", "build_failed"]
    assert lines[1]["id"] is None
    assert lines[1]["reason"].startswith("SyntaxError: ")
    assert lines[3]["reason"] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("name", "reason"), [("none.py", "not found"), ("*.py", "matches no file"), (".", "is a folder")]
)
def test_a_candidate_that_is_no_file_is_refused(evaluated: Evaluate, tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(CandidateFileError, match=reason):
        evaluated(str(tmp_path / name))


def test_a_name_with_brackets_is_a_name(evaluated: Evaluate, tmp_path: Path) -> None:
    (tmp_path / "net[1].py").write_text("def")
    assert [line["status"] for line in evaluated(str(tmp_path / "net[1].py"))] == ["unparseable"]
