import numpy as np
import pandas as pd
import pytest

from selfme_lib.baselines.rivals import RIVALS
from selfme_lib.baselines.training import Moves
from selfme_lib.study import profiles, rival_tables, rows, tables
from selfme_lib.study.results import Result, loso_record
from selfme_lib.study.rows import Row


@pytest.fixture(scope="module")
def settings():
    return profiles.load("smoke")


def result(row):
    clips = pd.DataFrame({"subject": ["01", "01", "02"], "clip": list("abc"), "label": [0, 1, 2]})
    record = loso_record(
        row.name,
        clips.assign(prediction=[0, 1, 1], p0=1.0, p1=0.0, p2=0.0),
        seed=0,
        settings={},
        classes=3,
        bootstrap=9,
    )
    return Result(row=row, records=(record,), fold_seconds=({},))


def test_every_row_of_tables_2_and_3_is_there_under_its_name(settings):
    ours = {row.name for row in (*rows.table_2(settings), *rows.table_3_with_tcae(settings))}
    second, third = (set(tables.paper_table(number).method) for number in (2, 3))
    assert second - {"SelfME"} <= ours and third <= ours
    assert len(ours) == len(RIVALS) + 6


@pytest.mark.parametrize("profile", ["smoke", "quick"])
def test_every_crossed_classifier_meets_every_motion(profile):
    settings = profiles.load(profile)
    table_2, table_3 = rows.table_2(settings), rows.table_3_with_tcae(settings)
    every = [*table_2, *table_3, *rows.beside(settings), *rows.crossed(settings)]
    assert len({row.name for row in every}) == len(every)
    table = rival_tables.crossed_scores([result(row) for row in every])
    small = ("OFF-ApexNet", "STSTNet")
    expected = {*small, "ViT", "SCViT", "linear", *(f"{name} by units" for name in small)}
    expected |= {"SCViT by units"} if profile == "quick" else set()
    assert set(table["classifier"]) == expected and len(table) == len(expected)
    motions = ["TV-L1", "Lucas-Kanade", "SelfME-motion", "true motion"]
    assert list(table.columns[1:]) == [f"UF1, {name} [95 %]" for name in motions]
    assert table.notna().all(axis=None)
    real = profiles.load("smoke", data={"dataset": "casme2", "root": "x"})
    assert "truth" not in {row.motion for row in (*rows.crossed(real), *rows.beside(real))}


def test_given_motion_goes_through_all_that_look_at_a_flow():
    given = profiles.load("smoke", data={"dataset": "features"})
    every = [*rows.table_2(given), *rows.table_3_with_tcae(given)]
    assert {row.motion for row in every} == {"features"} and {row.gamma for row in every} == {1.0}
    assert {row.motion for row in rows.beside(given)} == {"features"}
    left_out = {"LBP-TOP", "CapsuleNet", "TCAE+FC"}
    assert {row.name for row in every if row.rival} == {method.title for method in RIVALS.values()} - left_out


def test_clips_are_moved_as_scvits_by_the_same_share_of_the_image():
    settings = profiles.load("smoke", classifier={"flip": True, "shift": 8.0, "zoom": 0.1})
    assert settings.classifier.image_size == 64
    assert rows.rival(settings, "ststnet").moves == Moves(flip=True, shift=3.5, zoom=0.1)  # 28 px
    assert rows.rival(settings, "lbp_top").moves == Moves()


def test_cost_of_the_papers_ststnet_in_closed_form(settings):
    row = next(row for row in rows.table_2(settings) if row.name == "STSTNet")
    convolutions, layer = 28 * 28 * 16 * 27, 400 * 3
    assert rival_tables.cost(settings, row, channels=3) == {"parameters": 1683, "flops": 2 * (convolutions + layer)}


def test_cost_of_scvit_and_of_a_machine_that_has_no_size(settings):
    vit = rival_tables.cost(settings, Row(name="ViT", sc=False), channels=2)
    assert vit["parameters"] > 0 and vit["flops"] > 0
    row = next(row for row in rows.table_2(settings) if row.name == "Bi-WOOF")
    assert np.isnan(list(rival_tables.cost(settings, row, channels=64).values())).all()


def test_table_2_stands_beside_both_data_sets_with_what_is_known_of_it():
    names = ["STSTNet", "FeatRef", "SelfME-motion+SCViT", "TV-L1+ViT", "majority class"]
    beside = rival_tables.beside_table_2([result(Row(name=name)) for name in names]).set_index("method")
    assert list(beside.index) == ["STSTNet", "FeatRef", "SelfME"]
    assert beside.loc["STSTNet", "UAR CASME II"] == 0.8686 and beside.loc["FeatRef", "UF1 SMIC-HS"] == 0.7011
    assert "precision" in beside.loc["STSTNet", "about the printed score"]
    assert beside.loc["SelfME", "UF1 ours [95 %]"].startswith("0.5556")


def test_scores_for_people_say_which_table(settings):
    every = [
        *rows.table_2(settings),
        *rows.table_3_with_tcae(settings),
        *rows.beside(settings),
        Row(name="majority class", motion="none"),
    ]
    readable = rival_tables.rival_scores([result(row) for row in every]).set_index("method")
    assert readable.loc[["LBP-TOP", "TCAE+FC", "SelfME-motion+SCViT", "majority class"], "table"].tolist() == [
        *("2", "3", "2, 3", "–")
    ]
    assert set(readable.loc[[row.name for row in rows.beside(settings)], "table"]) == {"◆"}


def test_a_row_is_above_those_it_beats_and_nothing_is_said_of_the_rest():
    people = [f"{number:02}" for number in range(12) for _ in range(3)]
    frame = pd.DataFrame({"subject": people, "clip": range(36), "label": [0, 1, 2] * 12})

    def answering(name, prediction):
        table = frame.assign(prediction=prediction, p0=1.0, p1=0.0, p2=0.0)
        record = loso_record(name, table, seed=0, settings={}, classes=3, bootstrap=99)
        return Result(row=Row(name=name), records=(record,), fold_seconds=({},), bootstrap=99)

    right, lazy = answering("mine", [0, 1, 2] * 12), answering("lazy", 0)
    nearly = answering("nearly", [1, 1, 2] + [0, 1, 2] * 11)
    found = rival_tables.against(right, [lazy, nearly], paper={"mine": 0.9, "lazy": 0.95})
    assert [one.verdict for one in found] == ["contradicted", "undecided"]
    assert rival_tables.above_and_below(found) == "It is above 1 (lazy); below none; undecided against 1 (nearly)."
    (one,) = rival_tables.against(lazy, [right], paper={})
    assert "below 1 (mine)" in rival_tables.above_and_below([one]) and one.paper is None


def test_cost_of_the_linear_yardstick_in_closed_form(settings):
    (row,) = rows.linear(settings, ["tvl1"])
    assert rival_tables.cost(settings, row, channels=2) == {"parameters": 3 * 129, "flops": 2 * 3 * 128}
