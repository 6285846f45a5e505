"""nnloop in a notebook: the one in docs runs, shows progress and page, and an interrupt stops a search and no more."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT

from nnloop.report.notebook import in_notebook


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[tuple[Any, Any]]:
    """A kernel in a folder of its own, and its client."""
    manager = pytest.importorskip("jupyter_client").KernelManager()
    manager.start_kernel(cwd=str(tmp_path))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=120)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(kernel: tuple[Any, Any], code: str, interrupt_at: str = "") -> str:
    """Run a cell and return its output; interrupt it once the output has `interrupt_at`."""
    manager, client = kernel
    asked, said, until = client.execute(code), "", time.monotonic() + 400
    while time.monotonic() < until:
        message = client.get_iopub_msg(timeout=300)
        content, kind = message["content"], message["msg_type"]
        if message["parent_header"].get("msg_id") != asked:
            continue
        said += (
            content.get("text", "") + "".join(content.get("data", {}).get("text/plain", "")) + content.get("evalue", "")
        )
        if interrupt_at and interrupt_at in said:
            interrupt_at = ""
            manager.interrupt_kernel()
        if kind == "status" and content["execution_state"] == "idle":
            return said
    raise TimeoutError(said)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_notebook_of_the_docs_runs(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    from nbclient import NotebookClient

    notebook = nbformat.read(ROOT / "docs/search.ipynb", as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert any("cycle 2/2" in str(one) for one in outputs[1])
    assert "srcdoc=" in outputs[2][-1].data["text/html"]
    assert "parent_name" in outputs[3][-1].data["text/html"]
    assert outputs[4][0].text.startswith("--- ")
    assert outputs[5][-1].data["text/plain"].startswith("(<Status.OK")
    assert (tmp_path / "best.py").exists()
    assert list(tmp_path.glob("exported/ab/nn/nn/*.py"))
    assert not [one for each in outputs for one in each if one.get("name") == "stderr"]


def test_a_plain_process_is_no_notebook() -> None:
    assert not in_notebook()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_an_interrupt_stops_a_search_saves_it_and_leaves_the_kernel_alive(kernel: tuple[Any, Any]) -> None:
    search = (
        "import nnloop\n"
        "settings = {'corpus.limit': 2, 'corpus.trials': 1, 'incumbent.share': 0, 'executor.grace_s': 1}\n"
        "run = nnloop.search(llm='random', dataset='digits', tracker='none', finetune='off', candidates=2, **settings,"
    )
    said = run(kernel, search + "cycles=500)", interrupt_at="cycle 2/500")
    assert "the search was stopped; the same call goes on from here" in said
    assert "1" in run(
        kernel, "print(len(list(__import__('pathlib').Path('outputs').glob('*/*/cycles/0000/report.json'))))"
    )
    read = (
        "import pathlib; runs = list(pathlib.Path('outputs').glob('*/*/run.json'));"
        " nnloop.load(runs[0].parent).finished"
    )
    again = run(kernel, read)
    assert "False" in again
    assert "True" in run(kernel, search + "cycles=1)\nrun.finished")
