"""The systems that the paper compares with (Tables 2 and 3), each written again from its own paper.

`rivals` lists them and gives each the signature of `classifier.training.fit_predict`, so that one engine evaluates them
all. Reading order: `inputs` (what each one sees) → one file a method → `training` and `svm` (how they learn) → `rivals`.
"""
