"""How results are made and how certain they are (paper §4.2, Eq 17, 18). It knows no classifier: a fold is a function.

Begin with `loso` (leave one subject out) and `metrics` (UF1, UAR). `intervals` and `paired` say what other subjects might change,
and `leaks` what dishonest protocols would report. May import `runtime` alone.
"""
