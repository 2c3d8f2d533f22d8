"""A study: settings, clips and the folder of a run, and everything that the paper's tables need of them.

Begin with `study.Study`, the object that notebooks, widgets and the command line hold. Around it: `profiles` (settings), `clips`
and `extraction` (data and motion), `rows` (what Tables 1 to 4 and Figure 4 compare), `results`, `tables` and `trends` (what came
of it, beside the paper's numbers), `inspection` (the networks behind a prediction), `run_folder` and `exports` (files),
`examples` (faces to show).

May import everything that computes (`runtime`, `synthme`, `data`, `motion`, `classifier`, `baselines`, `evaluation`), and nothing
that draws or talks to people.
"""
