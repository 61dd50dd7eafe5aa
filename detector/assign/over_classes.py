"""Sums over the classes of anchor points, computed in chunks of bounded memory.

With 701 classes, a tensor with a number for each class of each anchor point takes 190 MB for 8
images of 640 pixels. Chunks keep temporary tensors small, and on a CPU within its caches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import Tensor

# Numbers in a chunk. Within this limit, a CPU keeps temporary tensors in its cache, and a GPU, for
# which few large kernels are fast, uses at most 64 MiB for each.
MAX_NUMBERS = {"cpu": 2**17}
MAX_NUMBERS_ELSEWHERE = 2**24


def row_slices(matrix: Tensor) -> Iterator[slice]:
    """Slices of the rows of a matrix, each with a bounded number of elements, or with one row."""
    limit = MAX_NUMBERS.get(matrix.device.type, MAX_NUMBERS_ELSEWHERE)
    rows, columns = matrix.shape
    step = max(1, limit // max(1, columns))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def sum_over_classes(
    cost: Callable[[Tensor], Tensor], logits: Tensor, chosen: Tensor, annotated: Tensor | None
) -> Tensor:
    """The sum of a cost over the annotated classes of the chosen priors.

    Args:
        cost: function of the logits, element by element; its result is a new tensor.
        logits: (B, N, C), class logits.
        chosen: (B, N) bool, priors whose sum is needed.
        annotated: (B, C) bool, classes that are annotated in each image; None for all.
    Returns:
        (B, N), 0 for priors that are not chosen.
    """
    flat, rows = logits.flatten(0, 1), chosen.flatten().nonzero().flatten()
    total = flat.new_zeros(len(flat))
    known = total if annotated is None else annotated.to(flat.dtype)
    for part in row_slices(flat[: len(rows)]):
        its_rows = rows[part]
        costs = cost(flat[its_rows])
        if annotated is not None:
            image = its_rows.div(logits.shape[1], rounding_mode="floor")
            costs.mul_(known[image])  # faster than masked_fill
        total[its_rows] = costs.sum(dim=-1)
    return total.view_as(chosen)
