"""Run independent jobs on the cores of this machine."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

Result = TypeVar("Result")


def in_parallel(function: Callable[..., Result], jobs: Sequence[tuple], workers: int | None = None) -> Iterator[Result]:
    """Yield `function(*job)` for each job, as they finish.

    With one worker or one job everything happens in this process, in order. Otherwise processes are spawned, not forked,
    because the threads of PyTorch and OpenCV do not survive a fork.

    Args:
        function: at the top level of a module, so that another process can find it.
        jobs: the arguments of each call.
        workers: processes; by default one a core.
    """
    workers = min(workers or os.cpu_count() or 1, len(jobs))
    if workers <= 1:
        for job in jobs:
            yield function(*job)
        return
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        for future in as_completed([pool.submit(function, *job) for job in jobs]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)
