"""Stage 1 of the paper (section 3.2, Eq 1 to 9): motion between two frames of a face, learned without labels.

Begin with `learner`, the whole forward pass in one file. Its parts, in order: `keypoints` (Eq 1), `dense_motion` (Eq 2 to 5)
with `lucas_kanade` (ours, not the paper's), `generator`. Then `losses`, `perceptual` and `equivariance` (Eq 6 and 7), `training`
(Eq 8), and `diffeo`, which makes the motion smooth and large (Eq 9). `pretraining` trains from scratch, `checkpoint` is the disk.
`face_prior` and `face_prior_training` are SelfME+: what faces do, weighed against Lucas and Kanade's evidence. `forms` has the
three forms of motion by their names.

May import runtime, grids, flow, synthme and data.
"""
