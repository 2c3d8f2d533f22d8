"""Where folds run: processes of this machine, one a GPU if it has several, or the workers of a Dask cluster.

Each is a `concurrent.futures.Executor`, and a fold gives the same numbers on each of them.
"""

import concurrent.futures
import multiprocessing
import os
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TypeVar

import torch

from .errors import UsageError

Key, Result = TypeVar("Key", bound=Hashable), TypeVar("Result")


@contextmanager
def executor(workers: int, cluster: str = "") -> Iterator[concurrent.futures.Executor | None]:
    """What runs the folds; None stands for this process.

    Args:
        workers: processes of one thread each; 1 stays in this process. With several GPUs there is one for each of them.
        cluster: address of a Dask scheduler, or `local` for a Dask cluster of `workers` processes on this machine.

    Raises:
        UsageError: Dask is not installed, or nobody answers at the address.
    """
    gpus = torch.cuda.device_count()
    if cluster:
        with _dask(workers, cluster) as pool:
            yield pool
    elif workers > 1 or gpus > 1:
        with process_pool(gpus if gpus > 1 else workers, gpus=gpus) as pool:
            yield pool
    else:
        yield None


@contextmanager
def _dask(workers: int, cluster: str) -> Iterator[concurrent.futures.Executor]:
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise UsageError('--cluster needs Dask: pip install "selfme[cluster]"') from None
    if cluster == "local":
        options = {"n_workers": workers, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
        with LocalCluster(**options) as local, Client(local) as client:
            yield client.get_executor()
        return
    try:
        client = Client(cluster, timeout=10)
    except (OSError, ValueError) as error:  # nobody there; not an address
        raise UsageError(f"--cluster {cluster}: no Dask scheduler answers there ({error})") from None
    with client:
        yield client.get_executor()


def completed(
    function: Callable[..., Result], tasks: Mapping[Key, tuple], pool: concurrent.futures.Executor | None
) -> Iterator[tuple[Key, Result]]:
    """`function(*task)` of each task with its key, as they finish; without a pool one after the other, in this process.

    After an error or an interrupt, what has not begun is not begun: nobody waits for it.
    """
    if pool is None:
        yield from ((key, function(*task)) for key, task in tasks.items())
        return
    futures = {pool.submit(function, *task): key for key, task in tasks.items()}
    try:
        for future in concurrent.futures.as_completed(futures):
            yield futures[future], future.result()
    finally:
        for future in futures:
            future.cancel()


def process_pool(workers: int, *, gpus: int = 0) -> concurrent.futures.ProcessPoolExecutor:
    """Processes on this machine, started afresh (a forked process may use neither CUDA nor OpenMP).

    Args:
        gpus: workers take turns in making one of so many GPUs theirs.
    """
    context = multiprocessing.get_context("spawn")
    numbers = context.SimpleQueue()
    if gpus > 1:
        for worker in range(workers):
            numbers.put(worker % gpus)
    return concurrent.futures.ProcessPoolExecutor(
        workers, mp_context=context, initializer=_begin, initargs=(numbers if gpus > 1 else None,)
    )


def _begin(gpus: "multiprocessing.SimpleQueue | None") -> None:
    """Take a GPU, and end when the run is killed: left to itself a worker would wait for tasks for ever."""
    if gpus is not None:
        torch.cuda.set_device(gpus.get())
    parent = multiprocessing.parent_process()

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def in_parallel(function: Callable[..., Result], jobs: Sequence[tuple], workers: int | None = None) -> Iterator[Result]:
    """Yield `function(*job)` for each job, as they finish.

    Args:
        function: at the top level of a module, so that another process can find it.
        jobs: the arguments of each call.
        workers: processes, one a core by default; with one worker or one job everything happens in this process, in order.
    """
    workers = min(workers or os.cpu_count() or 1, len(jobs))
    with process_pool(workers) if workers > 1 else nullcontext() as pool:
        yield from (result for _, result in completed(function, dict(enumerate(jobs)), pool))
