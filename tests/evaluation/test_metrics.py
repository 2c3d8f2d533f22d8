import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from selfme_lib.evaluation.metrics import accuracy, confusion_matrix, read_predictions, score, uar, uf1
from selfme_lib.runtime.errors import DataError

STSTNET_CASME2 = np.array([[83, 5, 0], [12, 19, 1], [2, 0, 23]])  # published by its authors, rows are the truth
pairs = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40)


def table(rows, subjects=None):
    labels, predictions = np.array(rows).T
    names = [f"EP{number:02d}" for number in range(len(rows))]
    subjects = subjects or ["01"] * len(rows)
    return pd.DataFrame({"subject": subjects, "clip": names, "label": labels, "prediction": predictions})


def test_ststnets_published_confusion_matrix():
    assert round(float(uf1(STSTNET_CASME2)), 4) == 0.8382
    assert round(float(uar(STSTNET_CASME2)), 4) == 0.8190
    assert round(float(uar(STSTNET_CASME2.T)), 4) == 0.8686  # macro-precision, printed as UAR in that paper


@settings(deadline=None)
@given(rows=pairs, classes=st.sampled_from([3, 5]))
def test_metrics_are_scikit_learns(rows, classes):
    labels, predictions = np.array(rows).T
    everything = {"labels": range(classes), "average": "macro", "zero_division": 0}
    matrix = confusion_matrix(labels, predictions, classes=classes)
    np.testing.assert_array_equal(matrix, sklearn.metrics.confusion_matrix(labels, predictions, labels=range(classes)))
    assert uf1(matrix) == pytest.approx(sklearn.metrics.f1_score(labels, predictions, **everything))
    assert uar(matrix) == pytest.approx(sklearn.metrics.recall_score(labels, predictions, **everything))
    assert accuracy(matrix) == pytest.approx(sklearn.metrics.accuracy_score(labels, predictions))


def test_many_matrices_at_once_are_the_same_as_one_by_one():
    matrices = np.random.default_rng(0).integers(0, 9, (2, 5, 3, 3))
    for metric in (uf1, uar, accuracy):
        one_by_one = [[metric(matrix) for matrix in row] for row in matrices]
        np.testing.assert_allclose(metric(matrices), one_by_one)


@settings(deadline=None, max_examples=30)
@given(rows=pairs, seed=st.integers(0, 99))
def test_score_pools_before_it_divides(rows, seed):
    subjects = [f"{number:02d}" for number in np.random.default_rng(seed).integers(0, 4, len(rows))]
    predictions = table(rows, subjects)
    result = score(predictions)
    everything = {"labels": [0, 1, 2], "average": "macro", "zero_division": 0}
    folds = [fold for _, fold in predictions.groupby("subject")]
    assert result["pooled"]["uf1"] == pytest.approx(sklearn.metrics.f1_score(*np.array(rows).T, **everything))
    for name, oracle in (("uf1", sklearn.metrics.f1_score), ("uar", sklearn.metrics.recall_score)):
        expected = np.mean([oracle(fold["label"], fold["prediction"], **everything) for fold in folds])
        assert result["fold_mean"][name] == pytest.approx(expected)
    assert (result["n_clips"], result["n_subjects"]) == (len(rows), len(folds))
    assert np.sum(result["confusion"]) == len(rows)


def test_score_has_exactly_the_promised_fields():
    result = score(table([(0, 0), (1, 2)], ["01", "02"]))
    assert {key: sorted(value) if isinstance(value, dict) else type(value) for key, value in result.items()} == {
        "pooled": ["accuracy", "uar", "uf1"],
        "fold_mean": ["uar", "uf1"],
        "confusion": list,
        "n_clips": int,
        "n_subjects": int,
    }
    assert result["confusion"] == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]


GOOD = "subject,clip,label,prediction\n01,EP02_01f,0,0\n02,EP02_01f,2,1\n"


def test_subjects_keep_their_zeros(tmp_path):
    (tmp_path / "p.csv").write_text(GOOD)
    assert read_predictions(tmp_path / "p.csv")["subject"].tolist() == ["01", "02"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("", "cannot be read as CSV"),
        ("\x00\x01", "no column subject"),
        ('a,b\n"1', "cannot be read as CSV"),
        (GOOD.replace("label", "truth"), "no column label; expected subject, clip, label, prediction"),
        (GOOD.splitlines()[0] + "\n", "no rows"),
        (GOOD.replace("2,1", "2,3"), "prediction 3 is not a class; expected whole numbers 0 to 2"),
        (GOOD.replace("2,1", "2,-1"), "prediction -1 is not a class"),
        (GOOD.replace("2,1", "2,1.0"), "prediction .*is not a class"),
        (GOOD.replace("0,0", "negative,0"), "label negative is not a class"),
        (GOOD.replace("2,1", "2,"), "row 2 has no prediction"),
        (GOOD.replace("01,EP02_01f,0", ",EP02_01f,0"), "row 1 has no subject"),
        (GOOD.replace("02,", "01,"), "subject 01 clip EP02_01f appears twice"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "p.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=message) as error:
        read_predictions(path)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)


def test_a_binary_file_and_a_folder_are_refused(tmp_path):
    (tmp_path / "p.csv").write_bytes(bytes(range(128, 256)))
    for path, words in ((tmp_path / "p.csv", "not UTF-8 text"), (tmp_path, "cannot be read")):
        with pytest.raises(DataError, match=words):
            read_predictions(path)


def written(tmp_path, *lines):
    (tmp_path / "p.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_predictions(tmp_path / "p.csv")


def test_blanks_around_cells_make_no_other_subjects_or_clips(tmp_path):
    plain = written(tmp_path, "subject,clip,label,prediction", "01,a,0,0", "01,b,1,2")
    padded = written(tmp_path, " Subject ,clip,label , prediction", "01 ,a, 0,0", " 01,b,1 , 2")
    pd.testing.assert_frame_equal(plain, padded)
    with pytest.raises(DataError, match="subject 01 clip a appears twice"):
        written(tmp_path, "subject,clip,label,prediction", "01,a,0,0", "01 , a,1,1")
    with pytest.raises(DataError, match="row 2 has no clip"):
        written(tmp_path, "subject,clip,label,prediction", "01,a,0,0", "01,  ,1,1")


def test_a_dataset_column_tells_people_apart(tmp_path):
    rows = ["smic,06,a,0,0", "samm,06,a,1,2", "samm,06,b,1,1"]
    read = written(tmp_path, "dataset,subject,clip,label,prediction", *rows)
    scored = score(read)
    assert scored["n_subjects"] == 2
    named = written(tmp_path, "subject,clip,label,prediction", *(row.replace(",", "-", 1) for row in rows))
    assert score(named) == scored
    assert score(read.assign(dataset="composite", clip=list("abc")))["n_subjects"] == 1
    with pytest.raises(DataError, match="row 2 has no dataset"):
        written(tmp_path, "dataset,subject,clip,label,prediction", rows[0], "," + rows[1].split(",", 1)[1])


@pytest.mark.parametrize("sign", [";", "\t"])
def test_semicolons_and_tabs_separate_as_commas_do(tmp_path, sign):
    (tmp_path / "p.csv").write_text(GOOD.replace(",", sign), encoding="utf-8-sig")
    found = read_predictions(tmp_path / "p.csv")
    assert found["subject"].tolist() == ["01", "02"] and found["prediction"].tolist() == [0, 1]


def test_duplicate_columns_are_refused(tmp_path):
    with pytest.raises(DataError, match="two columns are called label; remove one"):
        written(tmp_path, "subject,clip,label,prediction,Label ", "01,a,0,0,1")


def test_subjects_called_like_a_missing_value_are_people(tmp_path):
    rows = [f"{name},a,0,0" for name in ("NA", "None", "nan", "null")]
    assert score(written(tmp_path, "subject,clip,label,prediction", *rows))["n_subjects"] == 4
