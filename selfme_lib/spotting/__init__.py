"""When in a long video somebody's face moves as an expression, which the paper's §6 leaves to future work.

Begin with `intervals`: what coders label, and what a spotter finds.

May import runtime, grids, flow, synthme, data, motion, classifier and evaluation.
"""
