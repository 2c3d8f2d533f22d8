"""The systems that the paper compares with (Tables 2 and 3), each written again from its own paper.

`rivals` says which there are and puts them behind the call of `scvit.fit_predict`, so that the same engine evaluates all
of them. Reading order: `inputs` (what each one sees) → one file a method → `training` and `svm` (how they learn) → `rivals`.
"""
