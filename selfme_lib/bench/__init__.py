"""Benchmarks: how exact and how fast methods of motion are where the true motion is known, and how fast the classifier trains.

May import every room but `widgets` and `app`. Begin with `benchmark` (the run), which goes through `worlds` (what is measured on:
a folder, read by `pairs`, or a world by its name, among them `photographs`), `nuisances` (what makes it harder), `flow_error`
(what is measured of a pair) and `statistics` (means and intervals); `output` writes its files. `train` is the benchmark of
training, `synth` that of the renderer.
"""

from .benchmark import NUISANCES, bench_motion, learned
from .flow_error import angular_error, errors_per_clip, inverse_inconsistency
from .worlds import world_config, world_source

__all__ = [
    "NUISANCES",
    "angular_error",
    "bench_motion",
    "errors_per_clip",
    "inverse_inconsistency",
    "learned",
    "world_config",
    "world_source",
]
