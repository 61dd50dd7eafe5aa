"""MLflow; its server and experiment come from its environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.plain_file import read_text
from maenas.training.trackers.tracker import NumberTracker, TrackedRun

ID_FILE = "mlflow-run.txt"
KIB = 2**10  # largest size of that file


class MlFlow(NumberTracker):
    """Logs a training to the MLflow server that MLFLOW_TRACKING_URI names, or to files.

    The id of the run is kept in its folder, so that a training that is continued continues its
    curves.

    Source: https://mlflow.org/docs/latest/python_api/mlflow.html.
    """

    def __init__(self) -> None:
        self._mlflow: Any = None

    def start(self, run: TrackedRun) -> None:
        """Begin a run, or continue that of the folder."""
        import mlflow

        kept = run.folder / ID_FILE
        goes_on = run.first_step > 0 and kept.is_file()
        if goes_on:
            mlflow.start_run(run_id=read_text(kept, limit=KIB).strip())
        else:
            started = mlflow.start_run(run_name=str(run.folder))
            write_text(kept, f"{started.info.run_id}\n")
            mlflow.log_params(dict(run.settings))
        self._mlflow = mlflow

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """Log numbers of a step."""
        self._mlflow.log_metrics(dict(values), step=step)

    def end(self, is_finished: bool) -> None:
        """End the run; one that was stopped is marked as killed."""
        if self._mlflow is not None:
            self._mlflow.end_run("FINISHED" if is_finished else "KILLED")
