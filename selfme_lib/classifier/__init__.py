"""SCViT: from a motion to an expression (paper §3.3 and §4.3, Eq 10-16).

Begin with `network` (the transformer and its settings), then `symmetry` (the contrastive loss, Eq 12-14) and `training`
(the objective, Eq 16, and one fold). `augmentation` varies training motions, `grad_cam` shows what a prediction rests on, and
`imagenet` fetches pre-trained weights. May import `runtime`, `grids` and `flow`.
"""
