import numpy as np
import pandas as pd
import pytest

from selfme_lib.study import profiles, trends, verdict
from selfme_lib.study.results import Result, metrics_record, read_results, result_of
from selfme_lib.study.rows import MAJORITY, Row
from selfme_lib.study.run_folder import RunFolder

LABELS = np.tile([0, 0, 1, 2], 10)
SUBJECTS = [f"{number // 4:02d}" for number in range(40)]


def result(right: int, row: Row | str, *, seeds: int = 1, protocol="loso") -> Result:
    """A row that predicts the first `right` of 40 clips of 10 people."""
    guesses = np.where(np.arange(40) < right, LABELS, (LABELS + 1) % 3)
    frame = pd.DataFrame({"subject": SUBJECTS, "clip": [str(n) for n in range(40)], "label": LABELS})
    frame = frame.assign(prediction=guesses, p0=1.0, p1=0.0, p2=0.0)
    row = Row(row) if isinstance(row, str) else row
    return result_of(row, [frame] * seeds, seed=0, classes=3, bootstrap=200, protocol=protocol)


@pytest.fixture
def items(tmp_path):
    run = RunFolder(tmp_path)
    good, bad, same = result(40, "good"), result(4, "bad"), result(38, "almost")
    found = [
        trends.trend("good instead of bad", [good], [bad], paper=0.0313),
        trends.trend("bad instead of good", [bad], [good], paper=0.0313),
        trends.trend("almost instead of bad", [same], [bad]),
        trends.trend("almost instead of good", [same], [good], paper=0.02),
    ]
    run.save_table("06_scores", pd.DataFrame({"method": ["good"]}), title="Scores", place="headline")
    run.save_table("05_chance", trends.readable_trends([found[3]] * 9), title="By chance")
    run.save_table("06_tests", trends.readable_trends(found), title="What was asked", place="headline")
    return run.items(), trends.corrected(found)


def test_the_verdict_is_what_the_tables_of_differences_say(items):
    records, found = items
    headline, chapter = verdict.families(records)
    assert (headline.table, headline.title, chapter.table) == ("06_tests", "What was asked", "05_chance")
    assert [one.name for one in headline.decided] == [item.name for item in found[:3]]
    assert [one.decided for one in headline.comparisons] == [item.verdict != "undecided" for item in found]
    for one, item in zip(headline.comparisons, found):
        for part in (item.name, item.compared, f"{item.ours:+.4f}", f"[{item.low:+.4f}, {item.high:+.4f}]"):
            assert part in one.sentence
        assert f"Holm-corrected p {item.p_corrected:.3f}" in one.sentence
    meanings = (
        "the paper's trend appears",
        "the opposite of the paper's trend",
        "higher by more than chance",
        ": undecided",
    )
    assert [meaning in one.sentence for one, meaning in zip(headline.comparisons, meanings)] == [True] * 4
    assert (
        "in the paper +0.0313" in headline.comparisons[0].sentence and "paper" not in headline.comparisons[2].sentence
    )
    assert headline.comparisons[0].compared == "good − bad"


def test_what_is_undecided_is_said_to_be(items):
    headline, chapter = verdict.families(items[0])
    assert headline.summary.startswith("3 of 4 comparisons in UF1 pass at 0.05 after Holm's correction.")
    assert headline.summary.endswith("or none: almost instead of good.")
    assert chapter.summary.startswith("0 of 9 comparisons") and not chapter.decided and len(chapter.undecided) == 9


@pytest.mark.parametrize("cell", [None, "", "text", "nan [nan, nan]", 5, ["a"]])
def test_a_difference_that_is_none_gives_no_sentence(cell):
    columns = ["difference", "ours [95 %]", "p, Holm"]
    item = {"kind": "table", "name": "05_x", "title": "x", "place": "chapter", "columns": columns}
    assert verdict.families([{**item, "rows": [["a", cell, "0.001"], ["b", "+0.1 [+0.0, +0.2]", cell]]}])[:0] == []
    sound = verdict.families([{**item, "rows": [["a", cell, "0.001"], ["b", "+0.1 [+0.0, +0.2]", "0.001"]]}])
    assert [one.name for one in sound[0].comparisons] == ["b"]


def test_the_highest_score_is_named_with_who_was_tested_and_what_bounds_it():
    rows = [result(10, MAJORITY), result(30, "A", seeds=2), result(36, "swept"), result(40, "true motion+ViT")]
    (said,) = verdict.scores(rows, shown=["A", "majority class"])
    assert said.startswith("4 rows were scored by leaving one subject out: 10 people, 40 clips, 2 trainings each.")
    assert f"The highest UF1 is that of A: {rows[1].score('uf1')[0]:.4f} ±" in said
    assert f"true motion+ViT {rows[3].score('uf1')[0]:.4f}" in said and "majority class 0." in said
    (said,) = verdict.scores(rows)
    assert "The highest UF1 of 2 methods is that of swept" in said and "picked by looking" in said
    assert len(verdict.scores([*rows, result(9, "A", protocol="fresh")])) == 2


def test_results_come_back_from_the_record_of_a_run():
    before = [result(30, "A", seeds=3), result(20, "A", protocol="fresh"), result(36, "B")]
    record = metrics_record(profiles.load("quick"), {"name": "synthme", "fingerprint": "f"}, before)
    after = read_results(record, bootstrap=200)
    assert [(one.row.name, one.protocol, len(one.records)) for one in after] == [
        ("A", "loso", 3), ("A", "fresh", 1), ("B", "loso", 1)
    ]  # fmt: skip
    assert [one.score("uar") for one in after] == [one.score("uar") for one in before]
