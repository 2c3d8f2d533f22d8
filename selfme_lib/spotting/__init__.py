"""When in a long video somebody's face moves as an expression, which the paper's §6 leaves to future work.

Begin with `intervals` (what coders label, and what a spotter finds) and `metrics` (how it is scored); `legacy` counts as public
programs do, faults included, and `spot_then_recognise` scores a spotter together with a recogniser.

May import runtime, grids, flow, synthme, data, motion, classifier and evaluation.
"""
