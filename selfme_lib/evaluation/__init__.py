"""How results are made and how sure they are: leave-one-subject-out, metrics (Eq 17, 18), intervals, run record."""
