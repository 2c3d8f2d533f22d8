import numpy as np
import pandas as pd
import pytest

from selfme_lib.bench import final_tables
from selfme_lib.bench.final_tables import Both
from selfme_lib.bench.laboratories import Table
from selfme_lib.evaluation.metrics import uf1
from selfme_lib.study import profiles
from selfme_lib.study.results import result_of
from selfme_lib.study.rows import Row, conditions, factorial, linear, table_1, table_3, table_4
from selfme_lib.study.trends import Trend, ablation_trends

SETTINGS = profiles.load("smoke")
PEOPLE, CLIPS = 20, 9
SCORES = (("loso", 0.6, 0.5), ("fresh", 0.95, 0.9))  # of two rows
LABELS = np.tile(np.arange(CLIPS) % 3, PEOPLE)


def result(row, right, protocol="fresh"):
    """A row that has this share of the clips right, the same ones whenever the share is the same."""
    order = np.random.default_rng(0).permutation(len(LABELS))
    wrong = order[round(right * len(LABELS)) :]
    predicted = LABELS.copy()
    predicted[wrong] = (predicted[wrong] + 1) % 3
    subjects = np.repeat([f"{n:02d}" for n in range(PEOPLE)], CLIPS)
    table = pd.DataFrame(
        {"subject": subjects, "clip": np.arange(len(LABELS)), "label": LABELS, "prediction": predicted}
    )
    probabilities = pd.DataFrame(np.eye(3)[predicted], columns=["p0", "p1", "p2"])
    table = pd.concat([table, probabilities], axis=1)
    return result_of(row, [table], seed=0, classes=3, bootstrap=200, protocol=protocol)


def test_both_protocols_stand_side_by_side_with_their_own_scores():
    rows = [Row("a"), Row("b")]
    both = Both(*([result(row, share, of) for row, share in zip(rows, (high, low))] for of, high, low in SCORES))
    table = final_tables.side_by_side(both)
    assert table["method"].tolist() == ["a", "b"]
    cell = "UF1, {} [95 %]".format
    for column, some in ((cell("one left out"), both.loso), (cell("fresh people"), both.fresh)):
        shown = [float(text.split()[0]) for text in table[column]]
        assert shown == pytest.approx([uf1(one.confusion) for one in some], abs=5e-4)
    assert len((both + both).loso) == 4 and (both + both)[1:3].fresh[0].row.name == "b"
    told = final_tables.foretelling(both)
    gaps = [uf1(one.confusion) - uf1(other.confusion) for one, other in zip(both.loso, both.fresh)]
    assert told["rows"] == 2 and told["bias: leave one out less fresh, UF1"] == pytest.approx(np.mean(gaps))
    assert final_tables.as_table(told)["value"].iloc[1] == f"{np.mean(gaps):.3f}"
    assert told["order (rank correlation)"] == pytest.approx(1) and told["intervals that hold the fresh score"] == 0


def test_a_row_is_above_below_or_nothing_can_be_said():
    rows = [result(Row("mine"), 0.8), result(Row("worse"), 0.4), result(Row("better"), 1.0), result(Row("same"), 0.8)]
    table = final_tables.compared([*rows, result(Row("truth", motion="truth"), 1.0)], "mine")
    assert table["mine against"].tolist() == ["worse", "better", "same"]
    assert table["verdict"].tolist() == ["above", "below", "cannot be said"]


def test_conditions_stand_beside_each_other():
    rows = conditions(linear(SETTINGS, ["plus", "truth"]))
    shares = {None: 1.0, "grey": 0.9, "yaw15": 0.7, "yaw30": 0.5}
    table = final_tables.under_conditions([result(row, shares[row.tested_under]) for row in rows])
    assert table["method"].tolist() == ["SelfME+, linear", "true motion, linear"]
    shown = [[float(cell.split()[0]) for cell in line] for line in table.drop(columns="method").to_numpy()]
    assert shown[0] == shown[1] == sorted(shown[0], reverse=True) and shown[0][0] == 1 and len(shown[0]) == 4


def test_laboratories_stand_beside_each_other_with_their_average():
    right = {"casme2": (0.9, 0.8), "smic": (0.7, 0.4)}
    titles = {"casme2": "CASME II-like", "smic": "SMIC-like"}
    tables = [
        Table(name, [result(Row(f"{row}, {titles[name]}"), share) for row, share in zip("ab", shares)])
        for name, shares in right.items()
    ]
    table = final_tables.by_laboratory(tables, average=True)
    assert table["method"].tolist() == ["a", "b"] and set(table["by"]) == {"fresh people"}
    for line in table.drop(columns=["method", "by"]).to_numpy():
        first, second, average = (float(cell.split()[0]) for cell in line)
        assert average == pytest.approx((first + second) / 2, abs=1e-3)
    composite = [
        Table("composite", [result(Row("a, composite"), 0.8, "loso")]),
        Table("smic", [result(Row("a, SMIC-like"), 0.4, "lodo")]),
    ]
    table = final_tables.by_laboratory(composite)
    assert table["by"].tolist() == ["one left out", "one data set left out"] and (table == "").sum().sum() == 2


def test_an_effect_tells_its_width_and_whether_the_papers_size_is_possible():
    shared = {"metric": "uf1", "ours": 0.01, "low": 0.0, "high": 0.02, "p": 0.01, "p_corrected": 0.01}
    table = final_tables.effects(
        [Trend("a", paper=0.005, **shared), Trend("b", paper=-0.03, **shared), Trend("c", paper=None, **shared)]
    )
    assert table["half-width"].tolist() == ["0.010"] * 3
    assert table["verdict"].tolist() == ["holds", "does not hold", "found"]
    assert table["the paper's size"].tolist() == ["possible", "excluded", "–"]


def test_the_factorial_gives_each_switch_its_own_effect():
    gain = {"flip": 0.06, "sc": 0.12, "test": -0.3}
    results = []
    for row in factorial(SETTINGS):
        at_test = row.gamma != 1 and row.gamma_train is not None
        results.append(result(row, 0.6 + gain["flip"] * row.flip + gain["sc"] * row.sc + gain["test"] * at_test))
    found = {one.name: one.ours for one in final_tables.factorial_effects(results)}
    assert found["mirrored clips: on - off"] == pytest.approx(gain["flip"], abs=0.02)
    for name in ("SC: on - off", "SC where clips are mirrored", "SC where they are not"):
        assert found[name] == pytest.approx(gain["sc"], abs=0.02)
    assert found["γ in training and test - none"] == 0
    assert found["γ at the test alone - none"] == pytest.approx(gain["test"], abs=0.03)


def test_claims_of_the_paper_are_differences_between_the_rows_that_they_name():
    ablation = ablation_trends([result(row, 0.5 + 0.3 * row.sc) for row in table_1(SETTINGS)])
    shares = {"plus": 0.9, "printed": 0.5, "tvl1": 0.7}
    motions = [result(row, shares[row.motion]) for row in table_3(SETTINGS, list(shares))]
    gammas = [result(row, 0.8) for row in table_4()]
    rivals = [result(Row("STSTNet"), 0.6), result(Row("FeatRef"), 0.7), result(Row("all", gamma=2.0), 0.9)]
    found = final_tables.claims(ablation, motions, gammas, rivals)
    told = final_tables.told(found)
    assert "SC over all" in told["holds"] and {"B-spline over all", "MA over all"} <= set(told["cannot be said"])
    for network in ("ViT", "SCViT"):
        assert f"SelfME+'s motion above TV-L1's, {network}" in told["holds"]
        assert f"SelfME as printed's motion above TV-L1's, {network}" in told["does not hold"]
    assert "SelfME above the best rival here, FeatRef" in told["holds"]
    assert {"γ = 2 instead of 1", "γ = 3 instead of 2"} <= set(told["cannot be said"])
    assert sum(map(len, told.values())) == len(found) == 10
    assert next(one for one in found if "FeatRef" in one.name).paper == pytest.approx(0.9078 - 0.8915)
    assert len(final_tables.claims(ablation, motions, gammas, rivals[-1:])) == 9
