import numpy as np
import pandas as pd
import pytest

from selfme_lib.runtime.errors import UsageError
from selfme_lib.study import profiles, rows, tables
from selfme_lib.study.results import METRICS, Result, loso_record
from selfme_lib.study.rows import Row


@pytest.fixture(scope="module")
def settings():
    return profiles.load("smoke")


def result(row, *predictions, seeds=1):
    labels = [0, 1, 2, 0]
    clips = pd.DataFrame({"subject": ["01", "01", "02", "02"], "clip": list("abcd"), "label": labels})
    frames = [clips.assign(prediction=guess, p0=1.0, p1=0.0, p2=0.0) for guess in predictions]
    records = [
        loso_record(row.name, frame, seed=seed, settings={}, classes=3, bootstrap=20)
        for seed, frame in enumerate(frames)
    ]
    return Result(row=row, records=tuple(records), fold_seconds=tuple({} for _ in frames))


def test_table_1_holds_every_combination_in_the_papers_order(settings):
    ours = [(row.bspline, row.sc, row.gamma != 1) for row in rows.table_1(settings)]
    paper = tables.paper_table(1)
    assert ours == [(bool(b), bool(s), bool(m)) for b, s, m in zip(paper.bspline, paper.sc, paper.ma)]
    assert len({row.name for row in rows.table_1(settings)}) == 8


def test_table_3_has_every_motion_with_and_without_sc_and_names_the_papers_rows(settings):
    names = [row.name for row in rows.table_3(settings)]
    assert len(names) == 2 * len(settings.motion.methods)
    assert {"TV-L1+ViT", "TV-L1+SCViT", "SelfME-motion+ViT", "SelfME-motion+SCViT"} <= set(names)
    papers = {name for name in names if name.startswith(("TV-L1+", "SelfME-motion"))}
    assert set(names) & set(tables.paper_table(3).method) == papers


def test_only_synthme_has_a_true_motion():
    real = profiles.load("smoke", data={"dataset": "casme2"})
    assert not [row for row in rows.table_3(real) if row.motion == "truth"]


def test_chapter_5_has_a_linear_model_for_every_motion_and_the_papers_rows():
    quick = profiles.load("quick")
    found = rows.table_3_extended(quick)
    names = [row.name for row in found]
    assert len(set(names)) == len(names)
    for kind in ("linear", "SCViT by units", "SCViT"):
        assert [row.motion for row in found if row.classifier_name == kind] == list(quick.motion.methods)
    assert {row.name for row in rows.table_3(quick) if row.motion in ("tvl1", "selfme")} <= set(names)


def test_a_network_that_is_not_pretrained_has_no_linear_model_behind_it(settings):
    assert {row.classifier_name for row in rows.table_3_extended(settings)} == {"linear", "SCViT", "ViT"}
    real = rows.table_3_extended(profiles.load("smoke", data={"dataset": "casme2"}))
    assert "truth" not in {row.motion for row in real}


def test_what_helps_is_asked_of_pretrained_networks_on_one_motion():
    found = rows.what_helps(profiles.load("quick"))
    assert {row.motion for row in found} == {"selfme"}
    assert [row.classifier_name for row in found] == [
        "SCViT by masked motion",
        "OFF-ApexNet by units",
        "STSTNet by units",
    ]


def test_certainty_is_that_of_the_probabilities():
    """Sure of class 0 for every clip: right for half of them, so the gap between certainty and truth is a half."""
    (line,) = tables.certainty([result(Row("sure"), [0, 0, 0, 0])]).to_dict("records")
    assert line["method"] == "sure" and line["wrong"] == 0.5 and line["ECE [95 %]"].startswith("0.500 [")
    assert line["temperature"] > 1 and line["AURC"] == 0.5


def test_the_papers_tables_are_complete():
    assert [len(tables.paper_table(number)) for number in (1, 2, 3, 4)] == [8, 20, 7, 3]
    assert tables.paper_table(1)[["uf1", "uar"]].iloc[-1].tolist() == [0.9078, 0.9290]
    with pytest.raises(UsageError, match="table 5"):
        tables.paper_table(5)


def test_a_row_changes_its_part_of_the_classifier_and_no_more(settings):
    config = settings.classifier
    assert Row("full").classifier(config) == config
    assert Row("plain", sc=False, omega=0.5).classifier(config).omega == 0
    swept = Row("swept", omega=0.5, tau=0.2, mirror=True).classifier(config)
    assert (swept.omega, swept.tau, swept.mirror) == (0.5, 0.2, True)


def test_scores_are_means_over_seeds():
    both = result(Row("x"), [0, 1, 2, 0], [0, 0, 0, 0])
    value, low, high = both.score("uar")
    assert value == pytest.approx((1 + 1 / 3) / 2)
    assert low <= value <= high
    assert np.array_equal(both.confusion, [[4, 0, 0], [1, 1, 0], [1, 0, 1]])
    assert both.predictions.seed.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert both.deviation("uar") == pytest.approx((1 - 1 / 3) / 2**0.5)
    assert tables.readable_scores([both])["UAR [95 %]"][0].startswith("0.6667 ± 0.4714 [")
    assert [both.of_seed(seed).score("uar")[0] for seed in (0, 1)] == pytest.approx([1, 1 / 3])
    once = result(Row("x"), [0, 1, 2, 0])
    assert tables.readable_scores([once])["UAR [95 %]"][0].startswith("1.0000 [") and np.isnan(once.deviation("uar"))


def test_the_interval_is_that_of_the_mean_over_the_seeds():
    """Two seeds that are right about different people: each swings with the people drawn, their mean does not."""
    right, wrong = [0, 1, 2, 0], [1, 0, 0, 1]
    one, other = right[:2] + wrong[2:], wrong[:2] + right[2:]
    alone, both = result(Row("x"), one), result(Row("x"), one, other)
    width = [np.diff(item.score("uar")[1:])[0] for item in (alone, both)]
    assert width[1] < width[0]
    assert both.draws("uar") == pytest.approx((alone.draws("uar") + result(Row("x"), other).draws("uar")) / 2)


def test_classes_one_by_one():
    both = result(Row("x"), [0, 1, 2, 0], [0, 0, 0, 0])
    classes = tables.per_class([both])
    assert classes["recall"].tolist() == [1, 0.5, 0.5]
    assert classes["precision"].tolist() == pytest.approx([4 / 6, 1, 1])
    assert classes["clips"].tolist() == [2, 1, 1]
    assert classes["F1"].mean() == pytest.approx(METRICS["uf1"](both.confusion))


def test_the_sweeps_change_one_number_each(settings):
    omegas, taus = rows.figure_4(settings)
    assert [row.omega for row in omegas] == list(settings.evaluation.omegas) and {row.tau for row in omegas} == {None}
    assert [row.tau for row in taus] == list(settings.evaluation.taus) and {row.omega for row in taus} == {None}


def test_ours_stand_beside_the_papers_own_row(settings):
    majority = result(Row("majority class", motion="none", bspline=False, sc=False, gamma=1.0), [0, 0, 0, 0])
    extension = result(Row("mirrored", mirror=True), [0, 1, 2, 0])
    ours = [result(row, [0, 1, 2, 0]) for row in rows.table_1(settings)]
    beside = tables.beside_paper([majority, *reversed(ours), extension], 1)
    assert beside["UF1 paper"].tolist() == tables.paper_table(1).uf1.tolist()[::-1]
    assert beside["method"].iloc[0] == "SelfME + B-spline + SC + MA"
    beside = tables.beside_paper([result(row, [0, 1, 2, 0]) for row in rows.table_4()], 4)
    assert beside["UAR paper"].tolist() == [0.6798, 0.7012, 0.6622]
    with pytest.raises(UsageError, match="table 2"):
        tables.beside_paper([], 2)
