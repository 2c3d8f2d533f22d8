import re

import pandas as pd
import pytest

from selfme_lib.app import cli
from selfme_lib.app.comparison import render_comparison, write_comparison
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import write_json
from selfme_lib.study import profiles
from selfme_lib.study.cells import written
from selfme_lib.study.results import metrics_record, result_of
from selfme_lib.study.rows import Row
from selfme_lib.study.run_folder import RunFolder
from selfme_lib.study.trends import corrected, trend

LABELS = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]


def row(name, right, *, people="ab", classes=3):
    clips = pd.DataFrame({"subject": [people[place // 6] for place in range(12)], "clip": list(map(str, range(12)))})
    guesses = [label if place < right else (label + 1) % 3 for place, label in enumerate(LABELS)]
    frame = clips.assign(label=LABELS, prediction=guesses, **{f"p{label}": 0.5 for label in range(classes)})
    return result_of(Row(name), [frame], seed=0, classes=classes, bootstrap=2000)


def make(path, results, *, dataset="synthme", **sections):
    run = RunFolder(path)
    settings = profiles.load("quick", **sections)
    write_json(run.profile, profiles.to_dict(settings))
    write_json(run.metrics, metrics_record(settings, {"name": dataset, "fingerprint": "f"}, results))
    run.save_values("05_counts", {"clips": 12}, title="Counts")
    return run


def text_of(page):
    return re.sub(r"<[^>]+>", " ", page).replace("\N{NO-BREAK SPACE}", " ")


def test_scores_stand_side_by_side_with_their_paired_difference(tmp_path):
    ours = [row("A", 10), row("B", 8), row("only here", 3)]
    theirs = [row("A", 5), row("B", 8), row("only there", 3)]
    run = make(tmp_path / "run", ours)
    other = make(tmp_path / "other", theirs, motion={"gamma": 3.0})
    text = text_of(write_comparison(run, other).read_text())
    assert (run.path / "against_other.html").exists()
    found = corrected([trend("A", [ours[0]], [theirs[0]]), trend("B", [ours[1]], [theirs[1]])])
    for item, pair in zip(found, zip(ours, theirs)):
        assert written(item.ours, item.low, item.high, signed=True) in text
        for result in pair:
            assert written(*result.score("uf1")) in text
    assert "motion.gamma" in text and "evaluation.seeds" not in text
    assert "Only in run: only here" in text and "Only in other: only there" in text
    assert "Holm-corrected for 2 rows: no difference is decided" in text  # two people cannot decide


def test_other_people_have_a_difference_without_an_interval(tmp_path):
    run = make(tmp_path / "run", [row("A", 10)])
    others = [
        make(tmp_path / "names", [row("A", 5, people="cd")]),
        make(tmp_path / "rendered", [row("A", 5)], data={"first_identity": 5000}),  # with the same names
    ]
    gap = row("A", 10).score("uf1")[0] - row("A", 5).score("uf1")[0]
    for other in others:
        text = text_of(render_comparison(run, other))
        assert f"{gap:+.4f}" in text and f"{gap:+.4f} [" not in text
        assert "tested on other people or clips" in text and "Nothing is decided" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "casme2"}, "synthme and casme2 are different data sets"),
        ({"results": [row("A", 5, classes=4)]}, "3 and 4 classes are different tasks"),
        ({"results": [row("Z", 5)]}, "no method in common"),
    ],
)
def test_runs_that_cannot_be_compared_are_told_in_one_line(tmp_path, change, message, capfd):
    run = make(tmp_path / "run", [row("A", 10)])
    other = make(tmp_path / "other", change.get("results", [row("A", 10)]), dataset=change.get("dataset", "synthme"))
    assert cli.run(["report", str(run.path), "--against", str(other.path)]) == 1
    lines = [line for line in capfd.readouterr().err.splitlines() if not line.startswith(str(run.report))]
    assert len(lines) == 1 and message in lines[0] and "cannot be compared" in lines[0]
    assert not list(run.path.glob("against_*"))


def test_a_run_that_is_not_there_or_has_no_scores_is_named(tmp_path):
    run = make(tmp_path / "run", [row("A", 10)])
    with pytest.raises(DataError, match="nothing: no such folder"):
        render_comparison(run, RunFolder(tmp_path / "nothing"))
    other = make(tmp_path / "other", [row("A", 10)])
    other.metrics.unlink()
    with pytest.raises(DataError, match="other: no scores to compare"):
        render_comparison(run, other)


def test_runs_of_one_name_are_told_apart_and_no_place_on_a_machine_is_told(tmp_path):
    run, other = make(tmp_path / "a" / "quick", [row("A", 10)]), make(tmp_path / "b" / "quick", [row("A", 9)])
    page = render_comparison(run, other)
    assert "a/quick against b/quick" in text_of(page) and str(tmp_path) not in page


def test_the_command_writes_the_page_beside_the_report(tmp_path, capfd):
    run, other = make(tmp_path / "run", [row("A", 10)]), make(tmp_path / "other", [row("A", 9)])
    assert cli.run(["report", str(run.path), "--against", str(other.path)]) == 0
    report, page = capfd.readouterr().err.splitlines()
    assert report.startswith(str(run.report)) and page.startswith(str(run.path / "against_other.html"))
