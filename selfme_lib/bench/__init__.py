"""How exact and how fast methods of motion are, where the true motion is known.

Reading order: `errors` (what is measured of one pair) → `pairs` (what is measured on) → `nuisances` (what makes it harder)
→ `statistics` (means and intervals) → `benchmark` (the run) → `output` (its files).
"""

from .benchmark import NUISANCES, bench_motion, learned
from .flow_error import angular_error, errors_per_clip, inverse_inconsistency

__all__ = ["NUISANCES", "angular_error", "bench_motion", "errors_per_clip", "inverse_inconsistency", "learned"]
