import json

import numpy as np
import pytest
from typer.testing import CliRunner

from selfme_lib.app.cli import app
from selfme_lib.bench import laboratories, recognition
from selfme_lib.evaluation.metrics import uf1
from selfme_lib.runtime.errors import UsageError
from selfme_lib.study import clips as study_clips
from selfme_lib.study import study as study_module
from selfme_lib.study.results import Result
from selfme_lib.study.rows import Row

KEYS = {"name", "motion", "classifier", "protocol", "uf1", "uf1_interval", "uar", "seconds"}


@pytest.fixture(scope="module", autouse=True)
def few(tmp_path_factory):
    """Two people with four clips each, two methods, a folder of the test's own."""
    folder = tmp_path_factory.mktemp("recognition")
    with pytest.MonkeyPatch.context() as patch:
        for module in (recognition, laboratories, study_module, study_clips):
            patch.setattr(module, "DATA", folder)
        patch.setattr(recognition, "CLIPS", 4)
        patch.setattr(recognition, "MOTIONS", ("plus", "truth"))
        patch.setattr(recognition, "MEASURED", ("plus",))
        patch.setattr(recognition, "FEW", ("plus",))
        yield


def test_rows_of_both_protocols_have_what_the_contract_says():
    study = recognition.recognition_study(people=2, workers=1)
    measured = recognition.bench_recognition(study)
    assert (measured["people"], measured["clips"]) == (4, 16)
    rows = measured["rows"]
    assert [(row["motion"], row["classifier"], row["protocol"]) for row in rows] == [
        (motion, classifier, protocol)
        for protocol in ("loso", "fresh")
        for classifier in ("linear", "SCViT by units")
        for motion in ("plus", "truth")
    ]
    for row in rows:
        assert set(row) >= KEYS and row["seeds"] == 1  # one solution, whatever the seed
        assert 0 <= row["uf1_interval"][0] <= row["uf1_interval"][1] <= 1 and row["seconds"] >= 0
    json.dumps(measured)
    asked = [(one["row"], one["against"], one["protocol"]) for one in measured["verdicts"]]
    mine, other = rows[2]["name"], rows[0]["name"]  # of SelfME+; true motion is nobody's rival
    assert asked == [(mine, other, "loso"), (mine, other, "fresh")]
    assert all(0 < one["p"] <= one["p_holm"] <= 1 for one in measured["verdicts"])
    assert -1 <= measured["foretold"]["order"] <= 1


def result(name, confusions, protocol="loso", motion="plus"):
    people = [{"subject": f"{k:02d}", "confusion": c.tolist()} for k, c in enumerate(confusions)]
    record = {"folds": people, "pooled": {"uf1": float(uf1(confusions.sum(0)))}}
    return Result(Row(name, motion), (record,), ({},), 200, protocol)


def test_a_row_that_is_right_more_often_wins_and_leaving_one_out_foretells_itself():
    generator = np.random.default_rng(0)
    right = np.stack([np.diag(generator.integers(2, 6, 3)) for _ in range(30)])
    wrong = right + generator.integers(0, 3, (30, 3, 3))
    rows = [result("good", right), result("bad", wrong), result("truth", right, motion="truth")]
    (verdict,) = recognition.verdicts(rows, "good")
    assert verdict["against"] == "bad" and verdict["difference_interval"][0] > 0 and verdict["p_holm"] < 0.01
    told = recognition.foretold(rows[:2], [result(row.row.name, row.folds(0), "fresh") for row in rows[:2]])
    assert (told["bias"], told["spread"], told["order"], told["covered"]) == pytest.approx((0, 0, 1, 1))


def test_the_command_prints_json_and_nothing_else():
    asked = ["bench", "recognition", "--people", "2", "--protocol", "loso", "--rows", "linear", "--workers", "1"]
    result = CliRunner().invoke(app, [*asked, "--json"])
    assert result.exit_code == 0
    measured = json.loads(result.stdout)
    assert measured["people"] == 2 and {row["protocol"] for row in measured["rows"]} == {"loso"}
    assert "SelfME+, linear" in CliRunner().invoke(app, asked).stdout


def test_both_layouts_of_table_2_and_their_average():
    study = recognition.recognition_study(people=2, workers=1)
    measured = recognition.bench_recognition(study, protocols=["loso"], rows=["layouts"])
    assert (measured["people"], measured["clips"], measured["foretold"]) == (4, 16, None)
    rows = {(row["data"], row["classifier"]): row for row in measured["rows"]}
    assert len(rows) == len(measured["rows"]) == 6 and all(set(row) >= KEYS for row in rows.values())
    for classifier in ("linear", "SCViT by units"):
        average, *two = (rows[data, classifier] for data in ("average", "casme2", "smic"))
        assert average["uf1"] == pytest.approx(np.mean([one["uf1"] for one in two]))
        assert average["uf1_interval"][0] <= average["uf1"] <= average["uf1_interval"][1]
        assert [one["name"].rpartition(", ")[2] for one in (average, *two)] == ["average", "CASME II-like", "SMIC-like"]
    smic = laboratories.laboratory(study, "smic")
    assert {clip.fps for clip in smic.clips} == {100.0} and all(len(clip.frames) > 4 for clip in smic.clips)
    assert all(clip.onset < clip.apex <= clip.offset for clip in smic.clips)
    json.dumps(measured)


def test_the_composite_leaves_out_a_subject_and_a_data_set():
    study = recognition.recognition_study(people=2, workers=1)
    measured = recognition.bench_recognition(study, protocols=["loso"], rows=["composite"])
    found = {(row["protocol"], row["data"]) for row in measured["rows"]}
    assert found == {("loso", "composite"), *(("lodo", name) for name in ("composite", "casme2", "smic", "samm"))}
    whole = laboratories.composite(study)
    people = {clip.dataset: {one.subject for one in whole.clips if one.dataset == clip.dataset} for clip in whole.clips}
    assert {name: len(names) for name, names in people.items()} == {"casme2": 2, "smic": 2, "samm": 2}


def test_rows_under_conditions_are_compared_with_rows_under_the_same():
    study = recognition.recognition_study(people=2, workers=1)
    measured = recognition.bench_recognition(study, protocols=["loso"], rows=["conditions"])
    names = [row["name"] for row in measured["rows"]]
    ends = ("", ", grey", ", turned by 15°", ", turned by 30°")
    assert names == [f"{name}{end}" for end in ends for name in ("SelfME+, linear", "SelfME++SCViT by units")]
    for verdict, end in zip(measured["verdicts"], ends, strict=True):
        assert verdict["row"] == f"SelfME++SCViT by units{end}" and verdict["against"] == f"SelfME+, linear{end}"


@pytest.mark.parametrize(
    "rows, population, message",
    [
        ("nonsense", "evaluation", "--rows nonsense: one of linear, units"),
        ("composite", "evaluation", "--rows composite: .* choose --protocol loso"),
        ("linear", "choice", "--population choice: .* choose --protocol loso"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_rendered(monkeypatch, rows, population, message):
    study = recognition.recognition_study(people=2, population=population)
    monkeypatch.setattr(study_module, "write_dataset", None)
    with pytest.raises(UsageError, match=message):
        recognition.bench_recognition(study, rows=[rows], protocols=["fresh"])


@pytest.mark.parametrize("name", list(recognition.ROW_SETS))
def test_every_set_has_rows_whose_names_differ(name):
    rows = recognition.ROW_SETS[name](recognition.recognition_study(people=2).settings)
    assert rows and len({row.name for row in rows}) == len(rows)
