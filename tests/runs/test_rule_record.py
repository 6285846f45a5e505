"""A run goes on with the rule that it was begun with; a rule that failed may be followed by a mended one."""

from pathlib import Path

import pytest
from fake_run import make_run

from nnloop.errors import RunFolderError
from nnloop.runs.rule_record import record_failure, record_rule


def test_another_text_is_refused_until_the_rule_has_failed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", cycles=2, candidates=2)
    record_rule(run, "one")
    record_rule(run, "one")
    with pytest.raises(RunFolderError, match=r"begun with another text of parents\.rule"):
        record_rule(run, "two")
    record_failure(run, "it raised")
    record_rule(run, "two")
    assert run.provenance()["rules"] == [
        {"cycle": 2, "source": "one", "failure": "it raised"},
        {"cycle": 2, "source": "two", "failure": ""},
    ]
    with pytest.raises(RunFolderError, match="put it back"):
        record_rule(run, "one")
