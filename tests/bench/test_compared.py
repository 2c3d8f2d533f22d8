"""Errors of motions that are there already, and what they amount to over people."""

import numpy as np
import pytest
import torch

from selfme_lib.bench import compared
from selfme_lib.bench.statistics import summarise
from selfme_lib.study import clips as study_clips
from selfme_lib.study import study as study_module
from selfme_lib.study.study import Study

SUBJECTS = ["a", "a", "b", "b", "c", "c"]


@pytest.fixture(scope="module")
def truth():
    flow = torch.zeros(6, 2, 8, 8)
    flow[:, 0, :4] = torch.tensor([1.0, 2, 1, 3, 1, 4])[:, None, None]
    return flow


@pytest.fixture(scope="module")
def errors(truth):
    flows = {"zero": torch.zeros_like(truth), "tvl1": 0.5 * truth, "plus": 0.8 * truth}
    return compared.errors_of(flows, truth, SUBJECTS)


def test_errors_are_those_of_each_clip(errors):
    half = errors[errors["method"] == "tvl1"]
    assert half["peak"].tolist() == [1, 2, 1, 3, 1, 4] and half["subject"].tolist() == SUBJECTS
    np.testing.assert_allclose(half["epe_moving"], half["peak"] / 2, rtol=1e-6)
    np.testing.assert_allclose(half["epe"], half["peak"] / 4, rtol=1e-6)


def test_the_table_has_means_and_intervals_over_people(errors):
    table = compared.error_table(errors)
    assert table["method"].tolist() == ["no motion", "TV-L1", "SelfME+"]
    assert table.loc["tvl1", "moving, px"] == pytest.approx(1.0)
    expected = summarise(errors, ["epe_moving"])["tvl1"]["epe_moving_interval"]
    assert [table.loc["tvl1", f"moving {end}"] for end in ("from", "to")] == expected
    assert table.loc["tvl1", "moving from"] < 1 < table.loc["tvl1", "moving to"]


def test_a_ratio_that_is_the_same_for_everybody_has_no_width(errors):
    ratios = compared.ratio_table(errors)
    assert ratios.index.tolist() == ["tvl1"] and ratios.loc["tvl1", "over"] == "TV-L1"
    for column in ("EPE, ratio", "EPE from", "EPE to", "moving, ratio", "moving from", "moving to"):
        assert ratios.loc["tvl1", column] == pytest.approx(0.4)


def test_a_reference_without_error_has_no_ratio(truth):
    errors = compared.errors_of({"tvl1": truth, "plus": 0.8 * truth}, truth, SUBJECTS)
    assert compared.ratio_table(errors).columns.tolist() == ["over"]


def test_each_condition_has_its_own_best_other(truth):
    easy = compared.errors_of({"tvl1": 0.5 * truth, "dis_tuned": 0.2 * truth, "plus": 0.9 * truth}, truth, SUBJECTS)
    hard = compared.errors_of({"tvl1": 0.9 * truth, "dis_tuned": 0.2 * truth, "plus": 0.8 * truth}, truth, SUBJECTS)
    table = compared.against_best({"easy": easy, "hard": hard.iloc[::-1]}, "epe_moving")
    assert table["best other"].tolist() == ["TV-L1", "TV-L1"]
    assert table["ratio"].tolist() == pytest.approx([0.2, 2]) and table["ratio to"].tolist() == pytest.approx([0.2, 2])
    swapped = compared.against_best({"swapped": hard.replace({"tvl1": "dis_tuned", "dis_tuned": "tvl1"})}, "epe")
    assert swapped["best other"].tolist() == ["DIS tuned"]


def test_where_the_face_moves_can_be_said_by_another_motion(truth):
    found = compared.errors_of({"zero": 0 * truth}, truth, SUBJECTS, moving=truth.flip(-2))
    assert found["epe_moving"].eq(0).all() and found["epe"].gt(0).all()


def test_parts_are_measured_apart_and_empty_ones_are_left_out(truth):
    above = truth.norm(dim=1) > 0
    parts = {"above": above, "below": ~above, "nowhere": torch.zeros_like(above)}
    table = compared.errors_by_part({"tvl1": truth + 1}, truth, parts)
    assert table["part"].tolist() == ["above", "below"]
    assert table["no motion, px"].tolist() == [2, 0] and table["TV-L1, px"].tolist() == pytest.approx([2**0.5] * 2)


def test_some_motions_are_those_of_all_clips_whether_these_are_kept_or_not(tmp_path, monkeypatch):
    for place in (study_module, study_clips):
        monkeypatch.setattr(place, "DATA", tmp_path / "data")
    sizes = {"subjects": 2, "clips": 2, "size": 32, "render_size": 32, "ends": True}
    study = Study.open("smoke", tmp_path / "run", data=sizes)
    rows = [2, 0]
    alone = compared.motion_of_some(study, "farneback", rows)
    assert not study.motion_file("farneback", bspline=True, gamma=1.0).exists()
    every = study.motion("farneback")
    assert not torch.equal(every[0], every[2])
    torch.testing.assert_close(alone, every[rows])
    monkeypatch.setattr(Study, "changed", None)  # what is kept is not measured again
    torch.testing.assert_close(compared.motion_of_some(study, "farneback", rows), every[rows])


def test_what_the_rows_of_a_study_will_ask_for_is_measured_of_all_clips_at_once(tmp_path, monkeypatch):
    for place in (study_module, study_clips):
        monkeypatch.setattr(place, "DATA", tmp_path / "data")
    sizes = {"subjects": 2, "clips": 2, "size": 32, "render_size": 32, "ends": True}
    study = Study.open("smoke", tmp_path / "run", data=sizes, motion={"methods": ["dis"]})
    some = compared.motion_of_some(study, "dis", [3, 0])
    assert study.motion_file("dis", bspline=True, gamma=1.0).exists()
    assert torch.equal(some, study.motion("dis")[[3, 0]])
