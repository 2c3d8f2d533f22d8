import copy
import json

import pandas as pd
import pytest

from selfme_lib.app import cli
from selfme_lib.app.verify import (
    LEAST,
    SCORES,
    SHARE,
    compare,
    difference_of_kind,
    key_numbers,
    read_published,
    same_machine,
    write_published,
)
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import write_json
from selfme_lib.runtime.paths import NOTEBOOKS
from selfme_lib.study import profiles
from selfme_lib.study.results import Result, loso_record, metrics_record
from selfme_lib.study.rows import Row
from selfme_lib.study.run_folder import RunFolder


@pytest.fixture
def run(tmp_path):
    run = RunFolder(tmp_path / "quick")
    settings = profiles.load("quick")
    write_json(run.profile, profiles.to_dict(settings))
    predictions = pd.DataFrame({"subject": ["1", "1", "2"], "clip": ["a", "b", "c"], "label": [0, 1, 2]})
    predictions = predictions.assign(prediction=[0, 1, 1], p0=[1.0, 0, 0], p1=[0, 1.0, 1.0], p2=0.0)
    row = loso_record("ours", predictions, seed=0, settings={}, classes=3, bootstrap=10)
    results = [Result(Row("ours"), (row,), ({},))]
    write_json(run.metrics, metrics_record(settings, {"name": "synthme", "fingerprint": "x"}, results))
    table = pd.DataFrame(
        {
            "method": ["ours"],
            "EPE, px": ["0.400 [0.300, 0.500]"],
            "angle, °": [20.0],
            "folds": [3],
            "UF1": [0.7],
            "ms a pair": [35.0],
            "verdict": ["undecided"],
        }
    )
    run.save_table("02_errors", table, title="Errors")
    scores = {"method": ["ours"], "UF1 [95 %]": ["0.600 [0.500, 0.660]"], "p": ["0.200"], "verdict": ["undecided"]}
    lone = {
        "precision": [0.5],
        "clips": [12],
        "loss": [12.0],
        "right": ["8/12"],
        "each": ["-0.010 to +0.020"],
        "won": [2],
    }
    lone |= {"UF1 paper": [0.88], "verdicts": ["4 undecided, 1 confirmed"]}
    run.save_table("05_scores", pd.DataFrame(scores | lone), title="Scores")
    people = {"subject": [f"{n:02d}" for n in range(16)], "ours": [0.5] * 16}
    run.save_table("05_people", pd.DataFrame(people), title="People")
    run.save_values("05_luck", {"UF1 with each seed": [0.70, 0.75], "seconds": 3.0}, title="Luck")
    run.save_values("00_environment", {"python": "3.11"}, title="Ran on")
    return run


def changed(numbers, column, value, *, name="02_errors", elsewhere=False):
    other = copy.deepcopy(numbers)
    if elsewhere:
        other["ran_on"]["environment"]["processor"] = "another"
    table = other["tables"][name]
    table["rows"][0][table["columns"].index(column)] = value
    return other


def test_a_run_agrees_with_itself_and_with_its_published_numbers(run, tmp_path):
    numbers = key_numbers(run)
    assert compare(numbers, numbers) == []
    stored = json.loads(write_published(run, tmp_path / "published.json").read_text())
    assert compare(stored, numbers) == []
    assert difference_of_kind(read_published(tmp_path / "published.json"), numbers) == ""
    assert set(stored["values"]) == {"05_luck"}, "what it ran on is no result"


def test_numbers_of_an_appendix_that_the_run_has_not_stay_published_and_others_go(run, tmp_path):
    path = tmp_path / "published.json"
    earlier = key_numbers(run)
    table = earlier["tables"]["02_errors"]
    earlier["tables"] |= {"08_scores": table, "A2_seeds": table, "06_gone": table}
    write_json(path, earlier)
    run.save_table("A2_luck", pd.DataFrame({"method": ["ours"]}), title="A2 was run, and has no such table any more")
    stored = json.loads(write_published(run, path).read_text())
    assert set(stored["tables"]) == {"02_errors", "05_people", "05_scores", "08_scores", "A2_luck"}


@pytest.mark.parametrize(
    ("column", "near", "far"),
    [
        ("EPE, px", "0.405 [0.310, 0.490]", "0.440 [0.300, 0.500]"),
        ("EPE, px", "0.400 [0.300, 0.500]", "0.400 [0.300, 0.540]"),
        ("angle, °", 20.0 / (1 - SHARE) - 0.01, 20.0 / (1 - SHARE) + 0.01),
        ("folds", 3, 4),
        ("UF1", 0.7 + SCORES - LEAST / 10, 0.7 - SCORES - LEAST / 10),
        ("verdict", "undecided", "confirmed"),
    ],
)
def test_each_kind_of_number_has_its_tolerance(run, column, near, far):
    numbers = key_numbers(run)
    assert compare(numbers, changed(numbers, column, near)) == []
    (fault,) = compare(numbers, changed(numbers, column, far))
    assert fault.startswith(f"02_errors, ours, {column}: published")


@pytest.mark.parametrize(
    ("column", "near", "far"),
    [
        ("UF1 [95 %]", "0.710 [0.640, 0.800]", "0.720 [0.640, 0.800]"),  # √(.08² + .08²) = .113
        ("UF1 [95 %]", "0.590 ± 0.040 [0.500, 0.660]", "0.480 [0.480, 0.480]"),
        ("p", "0.001", "1.001"),
        ("p", "1.000", None),
        ("precision", 0.01, -0.01),
        ("precision", 1.0, 1.01),
        ("precision", 0.9, "none"),
        ("precision", 0.9, None),
        ("loss", 23.9, 24.1),
        ("right", "2/12", "1/12"),
        ("right", "12/12", "8/13"),
        ("each", "-0.500 to +0.500", "-0.511 to +0.020"),
        ("each", "-0.500 to +0.500", "-0.010 and +0.020"),
        ("won", 5, 6),
        ("won", 0, True),
        ("verdicts", "2 undecided, 3 contradicted", "4 undecided, 2 confirmed"),
    ],
)
def test_on_another_machine_trainings_may_differ_as_their_intervals_allow(run, column, near, far):
    numbers = key_numbers(run)
    options = {"name": "05_scores", "elsewhere": True}
    assert compare(numbers, changed(numbers, column, near, **options)) == []
    assert len(compare(numbers, changed(numbers, column, far, **options))) == 1
    assert len(compare(numbers, changed(numbers, column, near, name="05_scores"))) == 1, "here nothing may differ"


@pytest.mark.parametrize(("column", "value"), [("clips", 11), ("clips", 13), ("UF1 paper", 0.7)])
def test_on_another_machine_what_is_given_must_be_the_same(run, column, value):
    numbers = key_numbers(run)
    (fault,) = compare(numbers, changed(numbers, column, value, name="05_scores", elsewhere=True))
    assert fault.startswith(f"05_scores, ours, {column}: published")


def test_on_another_machine_many_lone_numbers_must_agree_on_average(run):
    """Each of the sixteen may differ by half, their mean by an eighth."""
    numbers = key_numbers(run)
    other = changed(numbers, "ours", 0.95, name="05_people", elsewhere=True)
    assert compare(numbers, other) == []
    for row in other["tables"]["05_people"]["rows"][:5]:
        row[1] = 0.95
    (fault,) = compare(numbers, other)
    assert fault == "05_people, mean of ours: published 0.5, now 0.6406"


def test_where_and_how_the_published_numbers_were_made_is_said(run):
    numbers = key_numbers(run)
    assert difference_of_kind(numbers, numbers) == "" and same_machine(numbers, numbers)
    other = copy.deepcopy(numbers)
    other["ran_on"]["environment"]["processor_kind"] = "another stepping"
    assert not same_machine(other, numbers) and "another machine" in difference_of_kind(other, numbers)
    del other["ran_on"]["environment"]["processor_kind"]
    assert not same_machine(other, numbers), "made before kinds were told apart"
    assert "does not say which kind of processor" in difference_of_kind(other, numbers)
    del other["statistics"]
    assert "computed in another way" in difference_of_kind(other, numbers)


def test_on_another_machine_a_verdict_may_not_turn_round(run):
    undecided, scores = key_numbers(run), {"name": "05_scores", "elsewhere": True}
    assert compare(undecided, changed(undecided, "verdict", "contradicted", **scores)) == []
    numbers = changed(undecided, "verdict", "confirmed", name="05_scores")
    (fault,) = compare(numbers, changed(numbers, "verdict", "contradicted", **scores))
    assert fault == '05_scores, ours, verdict: published "confirmed", now "contradicted"'


def test_on_another_machine_what_no_classifier_was_trained_for_must_agree_as_before_but_for_extremes(run):
    extremes = pd.DataFrame({"γ": [2.0], "smallest det J": [-1.0], "motion, mean px": [0.3]})
    run.save_table("03_folding", extremes, title="Folding")
    numbers = key_numbers(run)
    assert compare(numbers, changed(numbers, "EPE, px", "0.440 [0.300, 0.500]", elsewhere=True))
    folding = {"name": "03_folding", "elsewhere": True}
    assert compare(numbers, changed(numbers, "smallest det J", -2.0, **folding)) == []
    assert compare(numbers, changed(numbers, "motion, mean px", 0.4, **folding))


def test_rows_must_be_the_same(run):
    numbers = key_numbers(run)
    (fault,) = compare(numbers, changed(numbers, "method", "theirs", name="05_scores", elsewhere=True))
    assert fault.startswith("05_scores: another table")


def test_times_are_not_compared_and_missing_numbers_are_faults(run):
    numbers = key_numbers(run)
    other = changed(numbers, "ms a pair", 3500.0)
    other["values"]["05_luck"]["seconds"] = 300.0
    assert compare(numbers, other) == []
    assert "angle" in compare(numbers, changed(numbers, "angle, °", None))[0]
    del other["tables"]["02_errors"]
    assert compare(numbers, other) == ["02_errors: published, but not in the fresh run"]


def test_a_chapter_that_is_not_part_of_the_main_run_is_compared_if_it_is_there(run):
    without = key_numbers(run)
    for name in ("08_table_2", "08_cost"):
        run.save_table(name, pd.DataFrame({"system": ["a"], "UF1": [0.5]}), title="Rivals")
    numbers = key_numbers(run)
    assert compare(numbers, without) == []
    del (other := copy.deepcopy(numbers))["tables"]["08_cost"]
    assert compare(numbers, other) == ["08_cost: published, but not in the fresh run"]


def test_another_profile_cannot_be_compared(run):
    numbers = key_numbers(run)
    assert compare(numbers, numbers | {"profile": "smoke"}) == [
        "published is the profile quick, the fresh run is smoke"
    ]
    with pytest.raises(DataError, match="not a finished run"):
        key_numbers(RunFolder(run.path / "none"))


def test_the_command_says_which_number_differs(run, capfd):
    """This little run is not what is published, so the command has to complain."""
    assert (NOTEBOOKS / "published.json").exists()
    code = cli.run(["verify", str(run.path)])
    captured = capfd.readouterr()
    assert code == 1 and "02_benchmark: published, but not in the fresh run" in captured.out
    assert captured.err.count("\n") == 1 and "differ from the published" in captured.err
