"""What every backend promises, asked of each that can run on this machine."""

from __future__ import annotations

import pytest

from maenas.budgets.backends import Backend, BackendError, Target, available, open_backend
from maenas.budgets.backends.load import BACKENDS, ON_CPU
from maenas.budgets.graph.operator_graph import reference_graph
from maenas.testing import BackendContract

KINDS = [(name, precision) for name, known in BACKENDS.items() for precision in known]
GPU = [pytest.mark.gpu]
MARKS = {"tensorrt": [pytest.mark.tensorrt, pytest.mark.gpu], "torch": GPU}


class TestOurBackends(BackendContract):
    @pytest.fixture(
        params=[
            pytest.param(kind, id=f"{kind[0]} {kind[1]}", marks=MARKS.get(kind[0], []))
            for kind in KINDS
        ]
    )
    def backend(self, request: pytest.FixtureRequest) -> Backend:
        """Every runtime in every precision; skipped where it or the precision is not here."""
        name, precision = request.param
        missing = {one.backend: one.why_not for one in available()}[name]
        if missing:
            pytest.skip(missing)
        found = open_backend(Target("here", name, precision, 1 if name in ON_CPU else None))
        try:
            found.compile(reference_graph())
        except BackendError as error:
            if str(error).startswith("precision:") and precision in ("bf16", "f16"):
                pytest.skip(str(error))  # not every CPU has them
            raise
        return found
