"""Errors of the detector other than `SpecError`."""

from maenas.blocks.errors import MaenasError


class ModelError(MaenasError):
    """A model file cannot be used: damaged, of another program, or its runtime is missing."""


class ExportError(MaenasError):
    """A detector cannot be exported as asked, or the file computes something else than torch."""


class TrainError(MaenasError):
    """A training cannot start, continue or go on; what was saved of it is kept."""
