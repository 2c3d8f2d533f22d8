"""How fast the classifier trains, compared with a plain timm loop in the same run and with the machine's matrix product.

The plain loop is what one writes first: timm's `VisionTransformer` in float32 with a head, a `DataLoader` that shuffles,
`affine_grid` and `grid_sample` for the same augmentation, cross-entropy, `torch.optim.AdamW`, `loss.item()` for the log.
Ours trains the same network on the same clips, with the same batch size, for as many epochs. Rounds alternate, so that other
load on the machine affects both; the fastest round of each counts. One thread is timed by the CPU time of this process,
which other programs hardly affect; several threads by the wall clock. With a compiler at hand, ours is measured compiled as
well, without the time that compiling takes.

Flops are counted as a training step needs them (2 per product and sum; forward once, backward twice, but once for the patch
embedding, whose input needs no gradient). Both count the whole network, so skipped work shows as speed.
"""

import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from selfme_lib.classifier.network import ClassifierConfig
from selfme_lib.classifier.training import fit_predict, resolve_for_device
from selfme_lib.runtime.device import has_compiler, one_thread
from selfme_lib.runtime.processes import process_pool


def bench_train(
    config: ClassifierConfig,
    *,
    clips: int = 132,
    epochs: int = 20,
    rounds: int = 3,
    workers: int = 2,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure training of one fold, in this process on one thread, and of folds side by side.

    Args:
        config: the classifier; its number of epochs is replaced.
        clips: of a fold; random motions, as speed does not depend on them.
        epochs: of a measurement; by default as many as in the quick profile, so that set-up weighs as much as there.
        rounds: measurements of each kind, of which the fastest counts.
        workers: single-threaded processes that train folds side by side; 1 skips this part.

    Returns:
        `config`, `threads_of_plain_all` and, by kind of training (plain, plain_all_threads, vit, scvit, and the last two
        compiled), samples a second, milliseconds a sample and share of the machine's peak; `speedup` of each of ours over
        plain; `matmul_gflops`; `workers` and `workers_compiled` {"n", "samples_per_second", "over_one",
        "over_plain_all_threads"}, of scvit.
    """
    config = replace(resolve_for_device(config), epochs=epochs, init="random", compile=False)
    generator = torch.Generator().manual_seed(seed)
    motion = torch.randn(clips, 2, config.image_size, config.image_size, generator=generator)
    labels = torch.randint(0, 3, (clips,), generator=generator)
    all_threads = torch.get_num_threads()
    ours = {"": config} | ({"_compiled": replace(config, compile=True)} if has_compiler() else {})
    plain = partial(plain_loop, config, motion, labels, seed=seed)
    kinds: dict[str, Callable[[], object]] = {"plain": one_thread()(plain), "plain_all_threads": plain}
    for form, settings in ours.items():
        for name, omega in (("vit", 0.0), ("scvit", config.omega)):
            fold = replace(settings, omega=omega)
            kinds[f"{name}{form}"] = partial(_train_fold, fold, motion.numpy(), labels.numpy(), seed)
            if fold.compile:
                _train_fold(replace(fold, epochs=1), motion.numpy(), labels.numpy(), seed)  # compiles
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, train in kinds.items():
            clock = time.perf_counter if name == "plain_all_threads" else time.process_time
            begin = clock()
            train()
            seconds[name].append(clock() - begin)
    peak, flops = matmul_gflops(), training_flops(config)
    rates = {name: clips * epochs / min(times) for name, times in seconds.items()}  # samples a second
    report = {
        "config": asdict(config),
        "clips": clips,
        "epochs": epochs,
        "matmul_gflops": peak,
        "flops_per_sample": flops,
        "threads_of_plain_all": all_threads,
        "trainings": {
            name: {"samples_per_second": rate, "ms_per_sample": 1e3 / rate, "share_of_peak": rate * flops / peak / 1e9}
            for name, rate in rates.items()
        },
        "speedup": {name: rate / rates["plain"] for name, rate in rates.items() if "plain" not in name},
    }
    if workers > 1:
        with process_pool(workers) as pool:
            for form, settings in ours.items():
                one, all_of_them = (_side_by_side(pool, settings, motion, labels, n, rounds) for n in (1, workers))
                report[f"workers{form}"] = {
                    "n": workers,
                    "samples_per_second": all_of_them,
                    "over_one": all_of_them / one,
                    "over_plain_all_threads": all_of_them / rates["plain_all_threads"],
                }
    return report


def plain_loop(
    config: ClassifierConfig, motion: Float[Tensor, "n 2 h w"], labels: Int[Tensor, "n"], *, seed: int
) -> float:
    """The training loop that one writes first; returns the mean loss of the last epoch."""
    torch.manual_seed(seed)
    vit = VisionTransformer(
        img_size=config.image_size,
        patch_size=config.patch_size,
        in_chans=2,
        num_classes=0,
        embed_dim=config.width,
        depth=config.depth,
        num_heads=config.heads,
    )
    model = nn.Sequential(vit, nn.Linear(config.width, config.width), nn.GELU(), nn.Linear(config.width, 3))
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    loader = DataLoader(TensorDataset(motion, labels), batch_size=config.batch_size, shuffle=True)
    mean = 0.0
    for _ in range(config.epochs):
        total = 0.0
        for inputs, targets in loader:
            loss = F.cross_entropy(model(_augmented(config, inputs) * config.input_scale), targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item()
        mean = total / len(loader)
    return mean


def _augmented(config: ClassifierConfig, motion: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h w"]:
    """Motions flipped, shifted and zoomed at random, as `classifier.augmentation` does it."""
    if not (config.flip or config.shift or config.zoom):
        return motion
    random = 2 * torch.rand(4, len(motion)) - 1
    size = 1 + config.zoom * random[0]
    side = torch.sign(random[1]) if config.flip else torch.ones(len(motion))
    transform = torch.zeros(len(motion), 2, 3)
    transform[:, 0, 0], transform[:, 1, 1] = side * size, size
    transform[:, :, 2] = 2 * config.shift * random[2:].T / (config.image_size - 1)
    grid = F.affine_grid(transform, list(motion.shape), align_corners=True)
    seen = F.grid_sample(motion, grid, padding_mode="border", align_corners=True)
    return seen / torch.stack([side * size, size], dim=1)[:, :, None, None]


@one_thread()
def matmul_gflops(size: int = 1024, rounds: int = 5) -> float:
    """The fastest of several float32 products of square matrices, on one thread, in 10⁹ flops a second."""
    left, right = torch.randn(2, size, size)
    seconds = []
    for _ in range(rounds):
        begin = time.process_time()
        left @ right
        seconds.append(time.process_time() - begin)
    return 2 * size**3 / min(seconds) / 1e9


def training_flops(config: ClassifierConfig) -> float:
    """Flops of the matrix products for one training sample, as the module's docstring counts them.

    PyTorch's flop counter, the oracle in the tests, leaves out the attention kernel of a CPU.
    """
    patches = (config.image_size // config.patch_size) ** 2
    tokens, width = patches + 1, config.width
    embedding = patches * config.channels * config.patch_size**2 * width
    block = tokens * 12 * width**2 + 2 * tokens**2 * width  # qkv, projection, MLP; scores and weighted means
    head = width**2 + 3 * width
    return 2.0 * (2 * embedding + 3 * (config.depth * block + head))


def report_text(report: dict[str, Any]) -> str:
    """What a measured report says besides the rates of each training, as text for people."""
    lines = [f"matmul peak, one thread: {report['matmul_gflops']:.1f} GFLOP/s"]
    over = ", ".join(f"{name.replace('_', ' ')} {ratio:.2f} x" for name, ratio in report["speedup"].items())
    lines.append(f"over the plain loop, one thread each: {over}")
    for form, how in (("", ""), ("_compiled", ", compiled")):
        if workers := report.get(f"workers{form}"):
            lines.append(f"{workers['n']} workers over one{how}: {workers['over_one']:.2f} x")
            many = f"the plain loop on {report['threads_of_plain_all']} threads"
            lines.append(f"{workers['n']} workers over {many}{how}: {workers['over_plain_all_threads']:.2f} x")
    return "\n".join(lines)


def _train_fold(
    config: ClassifierConfig, motion: Float[np.ndarray, "n 2 h w"], labels: Int[np.ndarray, "n"], seed: int
) -> None:
    inputs = torch.from_numpy(motion)
    fit_predict(config, inputs, torch.from_numpy(labels), inputs[:1], seed=seed)


def _side_by_side(
    pool: Executor, config: ClassifierConfig, motion: Tensor, labels: Tensor, workers: int, rounds: int
) -> float:
    """Samples a second when `workers` folds are trained at once, each in a process that has imported everything."""
    rates = []
    for _ in range(rounds + 1):  # the first round starts the processes
        begin = time.perf_counter()
        list(pool.map(_train_fold, *zip(*[(config, motion.numpy(), labels.numpy(), 0)] * workers)))
        rates.append(workers * len(motion) * config.epochs / (time.perf_counter() - begin))
    return max(rates[1:])
