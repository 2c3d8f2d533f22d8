"""The systems the paper compares with (Tables 2 and 3), each reimplemented from its own paper.

`rivals.RIVALS` lists them, and `rivals` gives each the signature of `classifier.training.fit_predict`, so that one engine
evaluates them all. Reading order: `inputs` (what each one is given), one file per method, `training` and `svm` (how they
learn), `rivals`. `tcae` and `first_order` are also motions of their own, to compare with the learned one.

May import runtime, grids, flow, synthme, data, motion and classifier.
"""
