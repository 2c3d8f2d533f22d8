import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfme_lib.study.cells import number_of, read_estimate, written

SCORE = st.floats(-1, 1)


@given(SCORE, SCORE, SCORE, st.floats(0, 1) | st.just(math.nan), st.booleans())
def test_what_is_written_is_read_again(value, low, high, deviation, signed):
    cell = written(value, low, high, deviation=deviation, signed=signed)
    found = read_estimate(cell)
    numbers = [float(part) for part in (found.value, found.low, found.high)]
    assert numbers == pytest.approx([value, low, high], abs=5e-5) and number_of(cell) == numbers[0]
    assert (found.deviation == "") == math.isnan(deviation)


@pytest.mark.parametrize("cell", ["0.5", "0.5 [0.4]", "[0.4, 0.5]", "0.5 [a, b]", "0.5 [0.4, 0.6] px", None, 0.5, True])
def test_what_is_no_interval(cell):
    assert read_estimate(cell) is None


@pytest.mark.parametrize(
    ("cell", "number"),
    [(3, 3), (0.5, 0.5), ("+0.013", 0.013), ("-1e-05", -1e-5), ("12.5 %", 12.5), ("3 px", 3), ("-0.1 [-0.2, 0]", -0.1)],
)
def test_by_what_a_cell_is_sorted(cell, number):
    assert number_of(cell) == number


@pytest.mark.parametrize("cell", ["", "–", "03", "12", "8/12", "TV-L1", "4+7", None, math.nan, "nan", "nan [nan, nan]"])
def test_what_has_no_number(cell):
    assert number_of(cell) is None
