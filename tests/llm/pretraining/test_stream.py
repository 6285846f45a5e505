"""The tiny LLM's corpus."""

from dataclasses import replace

from tiny_recipe import STREAM

from nnloop.llm.pretraining import stream


def test_a_document_depends_on_seed_and_index_alone() -> None:
    assert stream.document(5, STREAM) == stream.document(5, STREAM)
    assert stream.document(5, STREAM) != stream.document(5, replace(STREAM, seed=1))


def test_held_out_networks_are_never_shown(documents: list[stream.Document]) -> None:
    shown = [document.prompt.split("<nn>\n")[1].removesuffix("</nn>") for document in documents]
    assert not any(map(stream.held_out, shown))
    assert all(map(stream.held_out, stream.held_out_networks(0, 2)))


def test_a_document_holds_as_many_answers_of_its_mode_as_the_recipe_says(documents: list[stream.Document]) -> None:
    for document in documents:
        tag, count = ("<delta>", 3) if "unified diff" in document.prompt else ("<nn>", 1)
        assert 1 <= len(document.answers) <= count
        assert all(answer.startswith(tag) for answer in document.answers)
    assert {answer[:4] for document in documents for answer in document.answers} == {"<del", "<nn>"}
