"""Benchmarks: how exact and how fast methods of motion are where the true motion is known, and how fast the classifier trains.

May import every room but `widgets` and `app`. Begin with `benchmark` (the run), which goes through `worlds` (what is measured on:
a folder, read by `pairs`, or a world by its name, among them `photographs`), `nuisances` (what makes it harder), `flow_error`
(what is measured of a pair) and `statistics` (means and intervals); `output` writes its files. `compared` has the same of
motions that are there already. `train` is the benchmark of training, `synth` that of the renderer.
"""

from .benchmark import NUISANCES, bench_motion, learned
from .compared import against_best, error_table, errors_by_part, errors_of, motion_of_some, ratio_table
from .flow_error import angular_error, errors_per_clip, inverse_inconsistency
from .nuisances import ON_FRAMES
from .pairs import Pairs
from .statistics import by_peak
from .worlds import Source, world_config, world_source

__all__ = [
    "NUISANCES",
    "ON_FRAMES",
    "Pairs",
    "Source",
    "against_best",
    "angular_error",
    "bench_motion",
    "by_peak",
    "error_table",
    "errors_by_part",
    "errors_of",
    "errors_per_clip",
    "inverse_inconsistency",
    "learned",
    "motion_of_some",
    "ratio_table",
    "world_config",
    "world_source",
]
