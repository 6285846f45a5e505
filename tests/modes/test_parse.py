"""Extraction, row by row of the table in nnloop.modes.parse."""

import time

import pytest
from edits import BASE, WIDER, WIDER_DIFF, applied, seed_sources
from hypothesis import given, settings
from hypothesis import strategies as st

from nnloop.errors import CompletionError
from nnloop.modes.parse import MAX_CHARS, extract_code, extract_delta
from nnloop.records import Status

OTHER = BASE.replace("16", "24")
USAGE = "net = Net((1, 3, 8, 8), (10,), {}, 'cpu')\nprint(net)\n"
DOCUMENTED = BASE.replace(
    "class Net(nn.Module):\n", 'class Net(nn.Module):\n    """A net.\n\n```python\nNet()\n```\n"""\n\n'
)


def refused(text: str) -> CompletionError:
    with pytest.raises(CompletionError) as caught:
        extract_code(text)
    assert caught.value.status == Status.UNPARSEABLE
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        BASE,
        BASE.rstrip("\n"),
        f"\n\n{BASE}\n\n",
        f"<nn>\n{BASE}</nn>",
        f"<nn>{BASE}</nn>",
        f"<nn>\n{BASE}",
        f"{BASE}</nn>",
        f"<nn>\n```python\n{BASE}```\n</nn>",
        f"```python\n<nn>\n{BASE}</nn>\n```",
        f"<code>\n{BASE}</code>",
        f"<nn>\n{BASE}</code>",
        f"</nn>\n{BASE}<nn>",
        f"```python\n{BASE}```",
        f"```\n{BASE}```",
        f"~~~py\n{BASE}~~~",
        f"````python\n{BASE}````",
        f"```python\n{BASE}",
        f"```python\n{BASE}```\n```",
        f"Here is the network:\n\n```python\n{BASE}```\n\nIt has two layers.",
        f"Sure! Here is the network:\n\n{BASE}\nThis network has 2 layers (small).\n- It is short.\n",
        f"1. The network:\n   ```python\n{''.join(f'   {line}' for line in BASE.splitlines(True))}   ```\n",
        f"The usage:\n```python\n{USAGE}```\n\n```python\n{BASE}```\nto run:\n```bash\npython net.py\n```",
        f"First try:\n```python\n{OTHER}```\nBetter:\n```python\n{BASE}```",
        f"<think>\n{OTHER}</think>\n<nn>\n{BASE}</nn>",
        f"```python\n{BASE}```\nOr, cut off:\n```python\n{BASE[:300]}",
        f"```python\n{BASE}```\nBroken:\n```python\n{BASE.replace('(self', '((self')}```",
    ],
)
def test_the_program_is_found(text: str) -> None:
    assert extract_code(text) == BASE


def test_fences_inside_the_program_do_not_end_it() -> None:
    assert extract_code(f"Here:\n```python\n{DOCUMENTED}```\nDone.\n") == DOCUMENTED


def test_blanks_inside_the_program_are_kept() -> None:
    code = BASE.replace("\n\n    def", "\n        \n    def").replace("nn.ReLU()", "nn.ReLU()  ")
    assert extract_code(f"```python\n{code}```") == code


@pytest.mark.parametrize("cut", range(10, len(BASE.split("def forward")[0]), 7))
def test_a_program_cut_off_before_its_forward_is_refused(cut: int) -> None:
    refused(f"```python\n{BASE[:cut]}")


def test_a_network_that_inherits_its_forward_is_complete() -> None:
    code = "from torch import nn\n\n\nclass Net(nn.Sequential):\n    pass\n"
    assert extract_code(code) == code


@pytest.mark.parametrize(
    "text", ["", "I can't help with that.", "```python\nprint(1)\n```", "<nn></nn>", "class Net", "\0", "\ud800"]
)
def test_an_answer_without_a_network_is_refused(text: str) -> None:
    refused(text)


def test_the_reason_names_the_line_that_does_not_parse() -> None:
    assert refused("```python\nclass Net:\n    x = (\n```").reason == "no block parses: line 2: '(' was never closed"


@pytest.mark.parametrize(
    "text",
    [
        WIDER_DIFF,
        f"<delta>\n{WIDER_DIFF}</delta>",
        f"<delta>{WIDER_DIFF}</delta>",
        f"<delta>\n{WIDER_DIFF}",
        f"<delta>\n```diff\n{WIDER_DIFF}```\n</delta>",
        f"```diff\n{WIDER_DIFF}```",
        f'<hp>{{"lr": 0.1}}</hp>\n<tr>\ntransform = None\n</tr>\n<delta>\n{WIDER_DIFF}</delta>',
        f"<delta>\n@@ @@\n-x\n+y\n</delta>\nBetter:\n<delta>\n{WIDER_DIFF}</delta>",
        f"The baseline:\n```python\n{BASE}```\nthe change:\n```diff\n{WIDER_DIFF}```\n- wider\n",
        f"I make it wider.\n\n{WIDER_DIFF}",
    ],
)
def test_the_diff_is_found(text: str) -> None:
    assert applied(extract_delta(text)) == WIDER


def test_hunks_in_several_fences_are_one_diff() -> None:
    fences = (
        "First:\n```diff\n@@ @@\n-import torch\n+import torch, math\n```\nthen:\n```diff\n"
        + WIDER_DIFF.split("\n", 2)[2]
        + "```\n"
    )
    assert applied(extract_delta(fences)) == WIDER.replace("import torch", "import torch, math", 1)


@pytest.mark.parametrize(
    "text", ["", "I can't help with that.", "Ideas:\n- wider\n- deeper\n", f"```python\n{BASE}```", "---\n"]
)
def test_an_answer_without_a_diff_has_none(text: str) -> None:
    assert extract_delta(text) == ""


HOSTILE = {
    "marks": "```\n" * 100_000,
    "tags": "<nn>" * 50_000,
    "beginnings": "import a\n" * 20_000 + "class Net:\n    (",
    "classes": "class Net:\n    x\n  y\n" * 20_000,
    "marks around classes": "```\nclass Net:\n  (\n" * 15_000,
    "nesting": "class Net:\n x = " + "(" * 100_000,
    "minus signs": "class Net:\n x = " + "-" * 200_000 + "1",
    "attributes": "class Net:\n x = a" + ".a" * 100_000,
    "deltas": "<delta>" * 50_000,
    "too long": "x" * (MAX_CHARS + 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answers_end_soon(name: str) -> None:
    start = time.process_time()
    for extract in (extract_code, extract_delta):
        try:
            extract(HOSTILE[name])
        except CompletionError as error:
            assert len(error.reason) < 300  # noqa: PT017
    assert time.process_time() - start < 8


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["```", "```python", "<nn>", "</nn>", "text", "- x", "", BASE, OTHER, "class Net:", "    x = ("]
        ),
        max_size=7,
    )
)
def test_any_mixture_yields_a_network_that_was_in_it_or_a_reason(parts: list[str]) -> None:
    try:
        code = extract_code("\n".join(parts))
    except CompletionError as error:
        assert error.reason  # noqa: PT017
    else:
        assert BASE in code or OTHER in code


def test_every_seed_network_comes_back_as_it_is() -> None:
    for source in seed_sources():
        assert extract_code(f"Here it is:\n```python\n{source}```\nBye.") == source
        assert extract_code(f"Here it is:\n\n{source}\n\nIt is a network.") == source
