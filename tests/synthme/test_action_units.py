import numpy as np
import pytest

from selfme_lib.synthme.action_units import CLASS_OF_EMOTION, FACE_UNITS, NAMES, RECIPES, code, displacement
from selfme_lib.synthme.head import load_head

BILATERAL = sorted(set(FACE_UNITS) - {26})


def test_every_unit_has_a_name_and_moves_something():
    assert set(NAMES) == set(FACE_UNITS)
    for unit in FACE_UNITS:
        assert np.linalg.norm(displacement({unit: (1.0, 1.0)}), axis=1).max() > 0.01


@pytest.mark.parametrize("unit", BILATERAL)
def test_left_moves_the_left_half_and_right_the_right(unit):
    x = load_head().vertices[:, 0]
    left, right = (np.linalg.norm(displacement({unit: pair}), axis=1) for pair in ((1.0, 0.0), (0.0, 1.0)))
    assert left[x < -0.2].max() < 0.05 * left.max()
    assert right[x > 0.2].max() < 0.05 * right.max()
    assert left[x > 0].max() == pytest.approx(right[x < 0].max(), rel=0.15)


@pytest.mark.parametrize("unit", sorted(FACE_UNITS))
def test_left_and_right_add_up_to_both(unit):
    both = displacement({unit: (0.3, 0.3)})
    assert np.allclose(both, displacement({unit: (0.3, 0.0)}) + displacement({unit: (0.0, 0.3)}), atol=1e-6)


@pytest.mark.parametrize(
    ("unit", "region", "up"),
    [
        (1, "brow", 1),
        (2, "brow", 1),
        (4, "brow", -1),
        (12, "corner", 1),
        (15, "corner", -1),
        (26, "chin", -1),
        (10, "upper lip", 1),
        (16, "lower lip", -1),
    ],
)
def test_units_pull_where_facs_says(unit, region, up):
    head = load_head()
    x, y, z = np.abs(head.vertices[:, 0]), head.vertices[:, 1], head.vertices[:, 2]
    front = (head.vertex_part == 0) & (head.openness > 0.5)
    where = {
        "brow": front & (x < 0.6) & (np.abs(y - 7.5) < 0.08),
        "corner": front & (np.abs(x - 0.28) < 0.05) & (np.abs(y - 6.61) < 0.04),
        "chin": front & (x < 0.2) & (np.abs(y - 6.3) < 0.06) & (z > 1.2),
        "upper lip": front & (x < 0.15) & (np.abs(y - 6.67) < 0.03),
        "lower lip": front & (x < 0.15) & (np.abs(y - 6.55) < 0.04),
    }[region]
    assert where.any()
    assert up * displacement({unit: (1.0, 1.0)})[where, 1].mean() > 0.005


def test_recipes_are_those_of_the_design():
    units = {emotion: set().union(*(recipe.units for recipe in recipes)) for emotion, recipes in RECIPES.items()}
    assert set(RECIPES) == set(CLASS_OF_EMOTION)
    assert {4, 7, 9, 10} <= units["disgust"]
    assert {14, 15, 17, 24} <= units["repression"]
    assert {6, 12, 25} <= units["happiness"]
    assert {1, 2, 5, 25, 26} <= units["surprise"]


def test_each_class_borrows_units_of_another():
    own = {
        emotion: set().union(*(recipe.units for recipe in recipes if not recipe.shared))
        for emotion, recipes in RECIPES.items()
    }
    for emotion, recipes in RECIPES.items():
        others = set().union(
            *(units for other, units in own.items() if CLASS_OF_EMOTION[other] != CLASS_OF_EMOTION[emotion])
        )
        borrowing = [recipe for recipe in recipes if recipe.shared]
        assert borrowing
        assert all(set(recipe.units) & others for recipe in borrowing)


def test_codes_are_written_as_in_the_label_file():
    assert code({7: 1.0, 4: 0.2}) == "4+7"
    assert code({14: 1.0, 12: 1.0}, "R") == "R12+R14"


def test_an_unknown_unit_is_an_error():
    with pytest.raises(KeyError):
        displacement({99: (1.0, 1.0)})
