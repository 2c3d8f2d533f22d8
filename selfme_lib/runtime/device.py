"""What this machine can compute with, and how many threads a computation uses."""

import math
import os
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def memory() -> float:
    """Bytes of this machine's memory; infinite where the system does not say (Windows)."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return math.inf


def device_of(network: nn.Module) -> torch.device:
    """Where a network's weights are."""
    return next(network.parameters()).device


def device_name(device: str) -> str:
    """`cpu`, or the name of the GPU: what a record says of where it was computed."""
    return torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else "cpu"


def cpu_has_bfloat16() -> bool:
    """Whether this CPU has bfloat16 arithmetic (AVX512_BF16 or AMX)."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def has_compiler(device: str = "cpu") -> bool:
    """Whether `torch.compile` can work: it needs a C++ compiler for the CPU, Triton for a GPU, Python's headers for both."""
    from torch._inductor.cpp_builder import get_cpp_compiler  # takes a second to import
    from torch.utils._triton import has_triton

    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return False
    if device != "cpu":
        return has_triton()
    try:
        return bool(get_cpp_compiler())
    except RuntimeError:
        return False


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for this process's tensor operations inside the block or decorated function.

    Sums then come out the same whatever the number of cores, and two trainings side by side beat one on two threads.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
