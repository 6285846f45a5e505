import pytest
import torch

from nnloop.llm.sampling import Sampling, gumbel, restrict, sample


def frequencies_of(logits: list[float], count: int, sampling: Sampling) -> torch.Tensor:
    """Sample one token from each of so many equal rows; frequencies by token."""
    rows = torch.tensor(logits).expand(count, -1)
    tokens = sample(rows, sampling, seeds=torch.arange(count), steps=torch.zeros(count, dtype=torch.int64))
    return torch.bincount(tokens, minlength=len(logits)) / count


def test_temperature_zero_takes_the_most_likely_token() -> None:
    assert frequencies_of([0.0, 3.0, 2.9], 50, Sampling(0, 0, 1))[1] == 1


def test_frequencies_follow_the_softmax() -> None:
    logits = [1.0, 0.0, -1.0, 2.0]
    expected = (torch.tensor(logits) / 0.7).softmax(0)
    assert frequencies_of(logits, 20_000, Sampling(0.7, 0, 1)) == pytest.approx(expected, abs=0.015)


def test_frequencies_follow_the_softmax_over_steps_of_one_seed() -> None:
    steps = torch.arange(20_000)
    rows = torch.tensor([1.0, 0.0, -1.0]).expand(len(steps), -1)
    tokens = sample(rows, Sampling(1, 0, 1), seeds=torch.full_like(steps, 7), steps=steps)
    expected = torch.tensor([1.0, 0.0, -1.0]).softmax(0)
    assert torch.bincount(tokens, minlength=3) / len(steps) == pytest.approx(expected, abs=0.015)


def test_top_k_leaves_k_tokens() -> None:
    frequencies = frequencies_of([0.0, 0.1, 0.2, 0.3], 2000, Sampling(1, 2, 1))
    assert (frequencies > 0).tolist() == [False, False, True, True]


def test_top_p_keeps_the_smallest_set_that_holds_it() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    kept = [int(restrict(logits, 0, top_p)[0].isfinite().sum()) for top_p in (0.01, 0.49, 0.51, 0.79, 0.81, 0.96)]
    assert kept == [1, 1, 2, 2, 3, 4]


@pytest.mark.parametrize("scale", [0.01, 1.0, 5.0])
def test_top_p_is_the_same_set_with_and_without_sorting_the_whole_vocabulary(scale: float) -> None:
    logits = torch.randn(20, 500, generator=torch.Generator().manual_seed(1)) * scale
    kept, ids = restrict(logits, 0, 0.9)
    for row in range(20):
        tokens, total = set(), 0.0
        for token in logits[row].argsort(descending=True).tolist():
            if total >= 0.9:
                break
            tokens.add(token)
            total += float(logits[row].double().softmax(0)[token])
        assert set(ids[row][kept[row].isfinite()].tolist()) == tokens


def test_top_p_counts_within_the_top_k() -> None:
    logits = torch.tensor([[0.4, 0.3, 0.2, 0.1]]).log()
    assert restrict(logits, 2, 0.5)[0].isfinite().tolist() == [[True, False]]  # 4/7 of what top-k left


def test_a_row_is_sampled_alike_whatever_its_neighbours() -> None:
    logits = torch.randn(8, 100, generator=torch.Generator().manual_seed(0))
    seeds, steps = torch.arange(8) * 17, torch.arange(8)
    together = sample(logits, Sampling(1, 0, 0.95), seeds=seeds, steps=steps)
    alone = [
        sample(logits[i : i + 1], Sampling(1, 0, 0.95), seeds=seeds[i : i + 1], steps=steps[i : i + 1])
        for i in range(8)
    ]
    assert together.tolist() == torch.cat(alone).tolist()


def test_noise_is_gumbel_and_independent_of_its_neighbours() -> None:
    seeds, tokens = torch.arange(300)[:, None], torch.arange(300)[None]
    noise = gumbel(seeds, torch.zeros(1, dtype=torch.int64), tokens).double()
    assert float(noise.mean()) == pytest.approx(0.5772, abs=0.02)
    assert float(noise.var()) == pytest.approx(1.6449, abs=0.04)
    for other in (noise.roll(1, 0), noise.roll(1, 1), noise.T):
        assert abs(float(torch.corrcoef(torch.stack([noise.flatten(), other.flatten()]))[0, 1])) < 0.02
