"""A key-value cache in which every row has its own length, so that rows come and go while others are being generated.

transformers' caches give all rows of a batch one length and pad on the left. Here row r fills the columns
[0, length[r]) and the next token goes to column length[r]: a finished row is removed, a new one is added with its
prompt already computed, and the contents of a row do not depend on the others.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from transformers.cache_utils import Cache

BLOCK = 128  # columns are added by so many


class KvCache(Cache):  # type: ignore[misc]
    """Keys and values by layer, (rows, heads, columns, size). For decoding only: one new token per row and call."""

    def __init__(self) -> None:
        super().__init__(layers=[])
        self.lengths = torch.zeros(0, dtype=torch.int64)  # (rows,); the next token's column and its position
        self.longest = 0
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []

    def add(self, prompts: Cache, *, rows: Tensor, lengths: Tensor) -> None:
        """Append rows of a cache that prompts, padded on the right, have filled.

        `rows`, (new,), are indices into `prompts`, in which one may stand several times; `lengths`, (new,), are the
        tokens of each without padding.
        """
        new = [(layer.keys, layer.values) for layer in prompts.layers]
        if not self._keys:
            self._keys = [keys.new_empty((0, *keys.shape[1:])) for keys, _ in new]
            self._values = [values.new_empty((0, *values.shape[1:])) for _, values in new]
        self._reserve(max(self._columns, new[0][0].shape[2]))
        for layer, (keys, values) in enumerate(new):
            here = rows.to(keys.device)  # layers may lie on several devices
            self._keys[layer] = torch.cat([self._keys[layer], _widen(keys[here], self._columns)])
            self._values[layer] = torch.cat([self._values[layer], _widen(values[here], self._columns)])
        self._set_lengths(torch.cat([self.lengths.to(lengths.device), lengths]))

    def select(self, rows: Tensor) -> None:
        """Reduce the cache to these rows, in this order."""
        self._replace_each(lambda tensor: tensor[rows.to(tensor.device)])
        self._set_lengths(self.lengths[rows])

    def advance(self, running: Tensor) -> None:
        """Count the token that was just written, in the rows where `running`, (rows,) bool, holds."""
        self._set_lengths(self.lengths + running)

    def attention(self) -> tuple[Tensor, Tensor]:
        """Return the columns that each row's next token may attend to, with its own, and how far they lie before it.

        Both are (rows, 1, 1, longest + 1), bool and int64.
        """
        columns = torch.arange(self.longest + 1, device=self.lengths.device)
        distance = (self.lengths[:, None] - columns[None])[:, None, None]
        return distance >= 0, distance

    def update(
        self, keys: Tensor, values: Tensor, layer_idx: int, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Write one token per row, (rows, heads, 1, size); return all columns up to the longest row's."""
        self._reserve(self.longest + 1)
        rows, ends = torch.arange(len(self.lengths), device=keys.device), self.lengths.to(keys.device)
        self._keys[layer_idx][rows, :, ends] = keys[:, :, 0]
        self._values[layer_idx][rows, :, ends] = values[:, :, 0]
        end = self.longest + 1
        return self._keys[layer_idx][:, :, :end], self._values[layer_idx][:, :, :end]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return the longest row's length, the same in every layer."""
        return self.longest

    @property
    def _columns(self) -> int:
        return self._keys[0].shape[2] if self._keys else 0

    def _set_lengths(self, lengths: Tensor) -> None:
        self.lengths = lengths
        self.longest = int(lengths.max()) if len(lengths) else 0

    def _reserve(self, columns: int) -> None:
        if columns > self._columns:
            wide = -(-columns // BLOCK) * BLOCK
            self._replace_each(lambda tensor: _widen(tensor, wide))

    def _replace_each(self, change: Callable[[Tensor], Tensor]) -> None:
        """Replace layer by layer, so that no more than one layer is in memory twice."""
        for tensors in (self._keys, self._values):
            for layer, tensor in enumerate(tensors):
                tensors[layer] = change(tensor)


def _widen(tensor: Tensor, columns: int) -> Tensor:
    """Add columns of zeros; masked positions have to be finite too."""
    wide = tensor.new_zeros((*tensor.shape[:2], columns, tensor.shape[3]))
    wide[:, :, : tensor.shape[2]] = tensor
    return wide
