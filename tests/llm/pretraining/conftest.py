"""Documents of the tiny LLM's corpus, and a tokenizer learned from them."""

from typing import Any

import pytest
from tiny_recipe import STREAM

from nnloop.llm.pretraining import stream
from nnloop.llm.pretraining.bpe import train_tokenizer


@pytest.fixture(scope="session")
def documents() -> list[stream.Document]:
    return [stream.document(index, STREAM) for index in range(30)]


@pytest.fixture(scope="session")
def tokenizer(documents: list[stream.Document]) -> Any:
    return train_tokenizer((text for d in documents for text in (d.prompt, *d.answers)), 1024)
