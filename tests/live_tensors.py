"""Counts the bytes of tensors that are alive, without depending on an allocator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import finalize

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves


class LiveTensors(TorchFunctionMode):
    """Bytes of the tensors that Python code makes while this mode is active.

    Memory that an operator or a built-in backward pass uses inside is not counted.

    Attributes:
        bytes: bytes alive now.
        peak_bytes: largest number of bytes alive at a time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bytes = self.peak_bytes = 0
        self._seen: set[int] = set()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run the operator and count the storages that it made."""
        made = func(*args, **(kwargs or {}))
        with torch._C.DisableTorchFunction():
            given = {each.untyped_storage()._cdata for each in tensors_of((args, kwargs))}
            for each in tensors_of(made):
                if each.untyped_storage()._cdata not in given:
                    self._count(each.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._seen:
            return
        self._seen.add(key)
        self.bytes += storage.nbytes()
        self.peak_bytes = max(self.peak_bytes, self.bytes)
        finalize(storage, self._drop, key, storage.nbytes())

    def _drop(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.bytes -= size


def tensors_of(tree: object) -> list[torch.Tensor]:
    """The tensors in a nest of lists, tuples and dictionaries."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
