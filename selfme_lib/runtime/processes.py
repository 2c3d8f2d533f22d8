"""Where tasks run side by side: processes of this machine, one per GPU if it has several, or the workers of a Dask cluster.

Each is a `concurrent.futures.Executor`, and a task gives the same numbers on all of them.

A Dask scheduler runs whatever its clients send, as the user who started it. So a cluster of our own talks TLS with a certificate
that exists for this run and in memory alone; a scheduler of the user's is as safe as its own certificates, which Dask finds in
its configuration.
"""

import concurrent.futures
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TypeVar

import cv2
import torch
from threadpoolctl import threadpool_limits

from .device import DEVICE
from .errors import UsageError
from .paths import PACKAGE

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


@contextmanager
def worker_pool(workers: int, cluster: str = "") -> Iterator[concurrent.futures.Executor | None]:
    """The workers that a user asks for; None stands for this process.

    Args:
        workers: processes of one thread each; 1 stays in this process. Of more, there is one per GPU if there are several GPUs.
        cluster: address of a Dask scheduler, or `local` for a Dask cluster of `workers` processes on this machine.

    Raises:
        UsageError: Dask is not installed, nothing answers at the address that this machine has certificates for, or only some
            of the workers there have a GPU.
    """
    gpus = torch.cuda.device_count() if workers > 1 else 0
    if cluster:
        with _dask(workers, cluster) as pool:
            yield pool
    elif workers > 1:
        with process_pool(gpus if gpus > 1 else workers, gpus=gpus) as pool:
            yield pool
    else:
        yield None


def ask(pool: concurrent.futures.Executor | None, function: Callable[..., Result], *arguments: object) -> Result:
    """What a function says where the tasks of a pool run: here, unless they run on other machines."""
    if pool is None or isinstance(pool, concurrent.futures.ProcessPoolExecutor):
        return function(*arguments)
    return pool.submit(function, *arguments).result()


def local_device() -> str:
    """What this machine computes with. `ask(pool, local_device)`: a login node without a GPU must not decide for its cluster."""
    return DEVICE


@contextmanager
def _dask(workers: int, cluster: str) -> Iterator[concurrent.futures.Executor]:
    try:
        import dask
        from distributed import Client, LocalCluster, Security

        security = Security.temporary() if cluster == "local" else None
    except ImportError:
        raise UsageError('--cluster needs Dask: pip install "selfme[cluster]"') from None
    if cluster == "local":
        options = {"n_workers": workers, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
        # pages ask for no certificate
        no_pages: dict[str, list] = {f"distributed.{role}.http.routes": [] for role in ("scheduler", "worker")}
        with dask.config.set(no_pages), LocalCluster(**options, security=security) as local, Client(local) as client:
            yield client.get_executor()
        return
    try:
        client = Client(cluster, timeout=10)
    except (OSError, ValueError, TypeError, RuntimeError) as error:  # nothing there, not an address, no certificate
        raise UsageError(f"--cluster {cluster}: no Dask scheduler answers there ({error})") from None
    with client:
        if len(set(client.run(local_device).values())) > 1:
            raise UsageError(f"--cluster {cluster}: some workers have a GPU and some have none; start them all alike")
        yield client.get_executor()


def process_pool(workers: int, *, gpus: int = 0) -> concurrent.futures.ProcessPoolExecutor:
    """Processes on this machine, freshly started or as good as that (those forked from this one may use neither CUDA nor OpenMP).

    Args:
        gpus: with two or more, workers take one each, in turn.
    """
    context = (
        multiprocessing.get_context("spawn") if gpus > 1 else _starter()
    )  # a GPU is named by the environment of now
    numbers = context.SimpleQueue() if gpus > 1 else None
    if numbers:
        for worker in range(workers):
            numbers.put(worker % gpus)
    return concurrent.futures.ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start_worker, initargs=(numbers,)
    )


def _starter() -> multiprocessing.context.BaseContext:
    """How workers begin: forked from a server that has imported what this process has and never computed, where that is possible.

    They start within a moment instead of seconds, and share the memory of what is imported.
    """
    if DEVICE != "cpu" or sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(sorted(name for name in sys.modules if name.startswith(f"{PACKAGE.name}.")))
    return context


def get_ready(workers: int) -> None:
    """Let workers' imports begin, beside whatever this process does next, if it is going to have workers."""
    if workers > 1 and _starter().get_start_method() == "forkserver":
        from multiprocessing.forkserver import ensure_running

        ensure_running()


def _start_worker(gpus: "multiprocessing.SimpleQueue | None") -> None:
    """Compute in one thread, take a GPU, for notebooks started from here too, and exit when the parent is killed.

    Threads of workers beside each other wait for one another, spinning: logistic regressions took fifteen times as long. An
    orphan would wait for ever.
    """
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    threadpool_limits(1)  # of the BLAS libraries that are loaded
    os.environ.update(
        dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    )  # of later ones
    if gpus is not None:
        number = gpus.get()
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        if torch.cuda.is_available():
            torch.cuda.set_device(number)
        os.environ["CUDA_VISIBLE_DEVICES"] = visible.split(",")[number] if visible else str(number)
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker is started by another process"

    def exit_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=exit_with_parent, daemon=True).start()


def run_tasks(
    function: Callable[..., Result], tasks: Mapping[Key, tuple], pool: concurrent.futures.Executor | None
) -> Iterator[tuple[Key, Result]]:
    """Yield the key and `function(*task)` of each task, as they finish; without a pool one after the other, in this process.

    After an error or an interrupt, tasks that have not started are cancelled.
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


def in_parallel(function: Callable[..., Result], jobs: Sequence[tuple], workers: int | None = None) -> Iterator[Result]:
    """Yield `function(*job)` for each job, as they finish.

    Args:
        function: at the top level of a module, so that another process can find it.
        jobs: the arguments of each call.
        workers: processes, by default one per core; with one worker or one job everything happens in this process, in order.
    """
    workers = min(workers or os.cpu_count() or 1, len(jobs))
    with process_pool(workers) if workers > 1 else nullcontext() as pool:
        yield from (result for _, result in run_tasks(function, dict(enumerate(jobs)), pool))
