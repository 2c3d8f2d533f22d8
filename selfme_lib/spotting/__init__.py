"""When in a long video somebody's face moves as an expression, which the paper's §6 leaves to future work.

Begin with `intervals` (what coders label, and what a spotter finds) and `metrics` (how it is scored); `legacy` counts as public
programs do, faults included, and `spot_then_recognise` scores a spotter together with a recogniser. `yardsticks` are the methods
to beat: what they measure in a video (`curves`, `appearance`, `regions`, `mdmd`), and how intervals come of it (`peaks`).
`submission` writes and reads the table of the Micro-Expression Grand Challenge.

May import runtime, grids, flow, synthme, data, motion, classifier and evaluation.
"""
