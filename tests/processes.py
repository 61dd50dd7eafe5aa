"""Jobs in several processes of one machine, as `torchrun` starts them, but at once."""

from __future__ import annotations

import gc
import os
import socket
import traceback
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import torch

LIMIT_S = 300.0


def run_ranks(count: int, job: Callable[..., Any], *arguments: Any) -> list[Any]:
    """The results of `job(rank, *arguments)`, one for each process.

    A process is a copy of this one, so nothing is imported twice. Its environment is that of
    `torchrun`.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = get_context("fork")
    jobs, ends = [], []
    for rank in range(count):
        ours, theirs = context.Pipe(duplex=False)
        jobs.append(context.Process(target=_run, args=(theirs, rank, count, port, job, arguments)))
        ends.append(ours)
        jobs[-1].start()
        theirs.close()
    try:
        answers = [end.recv() if end.poll(LIMIT_S) else ("is late", None) for end in ends]
    finally:
        for each in jobs:
            each.kill()
            each.join()
    failed = [f"rank {rank}: {text}" for rank, (text, _) in enumerate(answers) if text]
    assert failed == [], "\n".join(failed)
    return [result for _, result in answers]


def _run(
    end: Connection,
    rank: int,
    count: int,
    port: int,
    job: Callable[..., Any],
    arguments: tuple[Any, ...],
) -> None:
    gc.freeze()  # garbage of the parent, such as a video decoder, waits for its threads
    torch.set_num_threads(1)  # threads of the parent do not exist in its copy
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(count))
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    try:
        end.send(("", job(rank, *arguments)))
    except BaseException:
        end.send((traceback.format_exc(), None))
