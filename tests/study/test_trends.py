import numpy as np
import pandas as pd
import pytest

from selfme_lib.study import profiles, rows, trends
from selfme_lib.study.results import Result, loso_record
from selfme_lib.study.rows import Row
from selfme_lib.study.trends import Trend, ablation_trends, trend

LABELS = np.tile([0, 0, 1, 2], 10)
SUBJECTS = [f"{number // 4:02d}" for number in range(40)]


def result(right: int, *, name: str = "x", subjects=SUBJECTS) -> Result:
    """A row that says negative to every clip but to the first `right` ones."""
    guesses = np.where(np.arange(40) < right, LABELS, 0)
    frame = pd.DataFrame({"subject": subjects, "clip": [str(n) for n in range(40)], "label": LABELS})
    record = loso_record(name, frame.assign(prediction=guesses), seed=0, settings={}, classes=3, bootstrap=20)
    return Result(row=Row(name), records=(record,), fold_seconds=({},))


def comparison(p, *, ours=0.1, paper=0.02):
    return Trend(name="x", metric="uf1", paper=paper, ours=ours, low=0.01, high=0.2, p=p, p_corrected=p)


def test_the_verdict_follows_from_the_corrected_p_and_the_papers_sign():
    assert comparison(0.04).verdict == "confirmed"
    assert comparison(0.04, ours=-0.1).verdict == "contradicted"
    assert comparison(0.04, ours=-0.1, paper=-0.01).verdict == "confirmed"
    assert comparison(0.05).verdict == comparison(0.249, ours=-0.1).verdict == "undecided"
    assert comparison(0.04, paper=None).verdict == "found"
    assert comparison(0.06, paper=None).verdict == "undecided"


def test_what_is_asked_together_is_corrected_together():
    """An effect that is one alone is none beside nineteen others: p of .025 stood beside "confirmed"."""
    alone = comparison(0.025)
    together = trends.corrected([alone, *[comparison(0.5)] * 19])
    assert (alone.verdict, together[0].verdict) == ("confirmed", "undecided")
    assert together[0].p_corrected == pytest.approx(0.5)
    assert trends.corrected(together) == together  # correcting again changes nothing
    assert set(trends.readable_trends([alone, *[comparison(0.5)] * 19])["verdict"]) == {"undecided"}


def test_a_large_difference_is_found_and_none_is_not():
    found = trend("better", [result(40)], [result(0)], paper=0.1)
    assert found.verdict == "confirmed"
    assert found.ours == pytest.approx(1 - 2 * 20 / (2 * 20 + 20) / 3)
    assert "paper's trend appears" in found.sentence
    assert trend("worse", [result(0)], [result(40)], paper=0.1).verdict == "contradicted"
    assert found.p == pytest.approx(2 / 2**10)  # ten subjects, all better: only all or none exchanged is as extreme
    same = trend("same", [result(20)], [result(20)], paper=0.1)
    assert (same.ours, same.low, same.high, same.verdict, same.p) == (0, 0, 0, "undecided", 1)


def test_a_difference_on_the_same_subjects_is_sharper_than_two_intervals():
    found = trend("a little better", [result(28)], [result(24)], paper=0.1)
    _, low, high = result(28).score("uf1")
    assert found.high - found.low < (high - low)


def test_rows_of_other_clips_are_refused():
    with pytest.raises(ValueError, match="same clips"):
        trend("apples and pears", [result(40)], [result(40, subjects=SUBJECTS[::-1])], paper=0.1)


def test_the_factorial_design_of_table_1():
    """Rows whose scores add up: each switch has one effect, wherever it is seen."""
    table_1 = rows.table_1(profiles.load("smoke"))
    scores = [4 * row.bspline + 12 * row.sc + 8 * (row.gamma != 1) for row in table_1]
    found = {item.name: item for item in ablation_trends([result(n, name=str(n)) for n in scores])}
    assert len(found) == 10
    gain = [result(n).score("uf1")[0] for n in range(41)]
    assert found["SC alone"].ours == pytest.approx(gain[12] - gain[0])
    assert found["SC added to the others"].ours == pytest.approx(gain[24] - gain[12])
    expected = np.mean([gain[n + 12] - gain[n] for n in (0, 4, 8, 12)])
    assert found["SC over all"].ours == pytest.approx(expected)
    assert found["all three"].ours == pytest.approx(gain[24] - gain[0])
    assert found["SC alone"].paper == pytest.approx(0.8903 - 0.8468)
    assert found["MA added to the others"].paper == pytest.approx(0.9078 - 0.8923)
    assert found["B-spline over all"].paper == pytest.approx(
        (0.8629 + 0.8923 + 0.8784 + 0.9078 - 0.8468 - 0.8903 - 0.8718 - 0.8951) / 4
    )


def test_rows_without_a_partner_are_refused():
    with pytest.raises(ValueError, match="as many rows with as without, got 1 and 2"):
        trend("x", [result(40)], [result(30), result(20)])


def test_what_is_left_after_correction_is_counted():
    several = [comparison(p, paper=None) for p in (0.001, 0.02, 0.04, 0.5)]
    assert trends.after_correction(several) == (
        "Of 4 comparisons 3 have p < 0.05; 0.2 would by chance alone. After Holm's correction for their number, 1 do."
    )
    assert trends.readable_trends(several)["p, Holm"].tolist() == ["0.004", "0.060", "0.080", "0.500"]


def test_the_table_says_it_with_signs():
    line = trends.readable_trends([trend("SC", [result(40)], [result(0)], paper=0.02)]).iloc[0]
    assert (line["paper"], line["in"], line["verdict"]) == ("+0.0200", "UF1", "confirmed")
    unasked = trend("mirror", [result(40)], [result(0)])
    assert trends.readable_trends([unasked]).iloc[0]["paper"] is None
    assert "paper" not in unasked.sentence
