import pytest
import traitlets

from selfme_lib.widgets.controls import Choice, Slider, Switch


def test_a_choice_is_among_its_options_and_follows_them():
    choice = Choice("clip", [("one", 1), ("two", 2)], value=2)
    assert choice.value == 2 and choice.described()["options"] == ["one", "two"] and choice.described()["value"] == 1
    with pytest.raises(traitlets.TraitError, match="none of"):
        choice.value = 3
    choice.options = (("two", 2), ("five", 5))
    assert choice.value == 2, "an option that stays is kept"
    choice.options = (("five", 5),)
    assert choice.value == 5
    choice.take(0)
    assert choice.value == 5


def test_a_slider_keeps_within_its_range():
    slider = Slider("frame", 5, 0, 10)
    slider.value = 12.0
    assert slider.value == 10 and isinstance(slider.value, int)
    slider.limit(100, 120, 110)
    assert (slider.min, slider.value, slider.max) == (100, 110, 120)
    slider.take(107.4)
    assert slider.value == 107


def test_a_logarithmic_slider_is_bounded_by_exponents():
    slider = Slider("τ", 0.07, -2, 0.5, digits=3, logarithmic=True)
    slider.value = 0.0001
    assert slider.value == pytest.approx(0.01)


def test_a_switch():
    switch = Switch("show truth")
    seen = []
    switch.observe(lambda change: seen.append(change["new"]), names="value")
    switch.take(1)
    switch.take(1)
    assert switch.value is True and seen == [True]
