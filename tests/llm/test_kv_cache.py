"""The cache of keys and values whose rows have lengths of their own."""

import torch

from nnloop.llm.kv_cache import KvCache


def test_layers_may_lie_on_several_devices() -> None:
    from transformers.cache_utils import DynamicCache

    from nnloop.llm.kv_cache import KvCache

    prompts, cache = DynamicCache(), KvCache()
    for layer, device in enumerate(("cpu", "meta")):
        prompts.update(torch.zeros(2, 1, 3, 4, device=device), torch.zeros(2, 1, 3, 4, device=device), layer)
    cache.add(prompts, rows=torch.tensor([0, 1, 1]), lengths=torch.tensor([3, 2, 3]))
    for layer, device in enumerate(("cpu", "meta")):
        new = torch.ones(3, 1, 1, 4, device=device)
        keys, _ = cache.update(new, new, layer)
        assert (keys.shape, keys.device.type) == ((3, 1, 4, 4), device)
    cache.select(torch.tensor([2]))
    assert cache.lengths.tolist() == [3]


def test_a_row_holds_its_own_tokens_whatever_the_others_do() -> None:
    """Two prompts of 3 and 1 tokens; the first goes on for a step, then leaves."""
    from transformers.cache_utils import DynamicCache

    prompts, cache = DynamicCache(), KvCache()
    keys = torch.tensor([[1.0, 2, 3], [4, 0, 0]]).reshape(2, 1, 3, 1)
    prompts.update(keys, -keys, 0)
    cache.add(prompts, rows=torch.tensor([1, 0]), lengths=torch.tensor([1, 3]))
    assert cache.attention()[0].flatten(1).int().tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    new = torch.tensor([5.0, 6]).reshape(2, 1, 1, 1)
    written, values = cache.update(new, -new, 0)
    assert written.flatten(1).tolist() == [[4, 5, 0, 0], [1, 2, 3, 6]]
    assert torch.equal(values, -written)
    cache.advance(torch.tensor([True, False]))
    assert (cache.lengths.tolist(), cache.get_seq_length()) == ([2, 3], 3)
    cache.select(torch.tensor([0]))
    assert cache.attention()[0].flatten(1).int().tolist() == [[1, 1, 1]]
