"""The executor that the options of a command select."""

from __future__ import annotations

from maenas.blocks.errors import SpecError
from maenas.nas.executors.executor import Executor, InProcess


def opened_executor(workers: int, ray: str | None = None) -> Executor:
    """An executor: in process for one worker, a process pool for several, or a Ray cluster.

    Args:
        workers: number of processes; for a cluster only if it is started here, 1 for one per CPU.
        ray: address of a cluster, None for no cluster.
    Raises:
        SpecError: if `workers` is less than 1, or is given for a cluster that already runs.
        MaenasError: if the cluster cannot be used.
    """
    if workers < 1:
        raise SpecError(f"workers: must be at least 1, got {workers}.")
    if ray is not None:
        if ray != "local" and workers > 1:
            raise SpecError(
                f"--workers {workers}: a cluster has the CPUs that its nodes offer; the option "
                "applies to --ray local only."
            )
        from maenas.nas.executors.ray_cluster import RayCluster

        return RayCluster(ray, workers if workers > 1 else None)
    if workers == 1:
        return InProcess()
    from maenas.nas.executors.process_pool import ProcessPool

    return ProcessPool(workers)
