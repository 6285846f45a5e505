"""Overrides that change nothing under the other settings are told."""

import pytest

from nnloop.settings.idle import idle

RANDOM = ("llm=random", "dataset=digits", "finetune=off")
TINY = ("llm=tiny", "dataset=digits")


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ((*RANDOM, "context=memory"), "context=memory: llm=random does not read its prompt"),
        ((*RANDOM, "context=memory", "context.tokens=9"), "context.tokens=9: llm=random does not read its prompt"),
        (
            ("llm=scripted", "llm.path=x", "context=crossover"),
            "context=crossover: llm=scripted does not",
        ),
        ((*RANDOM, "retries=2"), "retries=2: llm=random does not read the reason of a failure"),
        ((*RANDOM, "experiment=strict_memory"), "context=memory: llm=random does not read its prompt"),
        (("llm=random", "finetune.lr=0.1"), "finetune.lr=0.1: llm=random has no weights to tune"),
        ((*RANDOM, "mode.edit_format=search_replace"), "mode.edit_format=search_replace: llm=random does not read"),
        ((*RANDOM, "llm.edits.full=2"), "llm.edits.full=2: mode=delta"),
        ((*TINY, "mode=full", "llm.max_new_tokens.delta=9"), "llm.max_new_tokens.delta=9: mode=full"),
        ((*TINY, "mode=full", "llm.diff_context=0"), "llm.diff_context=0: mode=full has no diffs"),
        ((*TINY, "finetune=off", "llm.diff_context=0"), "llm.diff_context=0: llm=tiny is not trained to write diffs"),
        (
            (*TINY, "mode.edit_format=search_replace", "llm.diff_line_numbers=true"),
            "llm.diff_line_numbers=true: the blocks of mode.edit_format=search_replace have no line numbers",
        ),
        (("llm=random", "mode.prompt=tiny"), "mode.prompt=tiny: llm=random does not read its prompt"),
        ((*TINY, "mode.prompt=chat", "llm.prompt=tiny"), "llm.prompt=tiny: mode.prompt=chat names other words"),
        ((*TINY, "corpus.variants=3"), "corpus.variants=3: no fine-tune learns deltas from pairs of the corpus here"),
        ((*TINY, "llm.temperature=0", "llm.top_k=5"), "llm.top_k=5: llm.temperature=0 always takes the likeliest"),
        (("llm=openai", "finetune=off", "llm.quantize=nf4"), "llm.quantize=nf4: only a fine-tune loads the weights"),
        ((*TINY, "proxy=lemur", "dataset.flip=true"), "dataset.flip=true: proxy.transform decides over it"),
        ((*TINY, "dataset.root=/x"), "dataset.root=/x: scikit-learn carries the images of digits"),
        ((*TINY, "sandbox=inline", "executor.wall_s=9"), "executor.wall_s=9: sandbox=inline runs"),
        ((*TINY, "novelty.permutations=64"), "novelty.permutations=64: counts only beyond 2,000 known networks"),
        (
            (*TINY, "parents=islands", "parents.islands=1", "parents.every=2"),
            "parents.every=2: parents.islands=1",
        ),
        ((*TINY, "parents=islands", "parents.migrants=0", "parents.every=2"), "parents.every=2: parents.migrants=0"),
        ((*RANDOM, "budget.tokens=9"), "budget.tokens=9: llm=random writes no tokens"),
        ((*TINY, "dataset.verify=false"), "dataset.verify=false: scikit-learn carries the images of digits"),
        ((*TINY, "candidates=4", "search.staleness=3"), "search.staleness=3: a cycle of candidates=4"),
        (("job=prepare", "dataset=digits", "cycles=3"), "cycles=3: job=prepare does not read it"),
        (("job=evaluate", "candidate=x", "parents.corpus_share=1"), "parents.corpus_share=1: job=evaluate does not"),
    ],
)
def test_an_override_without_effect_is_told_with_the_reason(overrides, told: str, configure) -> None:
    sentences = idle(configure(*overrides), overrides)
    assert any(sentence.startswith(told) for sentence in sentences), sentences


@pytest.mark.parametrize(
    "overrides",
    [
        (*RANDOM, "llm.diff_context=0", "llm.edits.delta=2", "cycles=3"),
        (
            *TINY,
            "context=memory",
            "context.tokens=9",
            "retries=1",
            "finetune.lr=0.1",
            "llm.diff_context=0",
            "llm.top_k=5",
        ),
        (*TINY, "candidates=2000", "novelty.permutations=64"),
        (*TINY, "parents=islands", "parents.every=2", "executor.wall_s=9", "experiment=tiny_tuned"),
        ("job=evaluate", "candidate=x", "executor.workers=1", "proxy.lr=0.1", "name=y", "dry_run=true"),
        ("job=report", "runs=x", "job.last_cycles=3", "summaries=y"),
        ("job=memory", "llm=deepseek", "llm.quantize=nf4", "experiment=paper_full"),
    ],
)
def test_an_override_with_an_effect_is_not_told(overrides, configure) -> None:
    assert idle(configure(*overrides), overrides) == []
