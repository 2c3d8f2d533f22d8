import json

import pandas as pd
import pytest

from selfme_lib.bench import tuning
from selfme_lib.bench.tuning import SPACES, Space, search, tune
from selfme_lib.flow import DIS_TUNED, FARNEBACK_TUNED, TVL1_TUNED
from selfme_lib.runtime.errors import UsageError


def test_a_search_finds_a_valley_that_runs_across_the_settings():
    space = Space(dict, {"a": 0, "b": 0}, {"a": range(-5, 6), "b": range(-5, 6)})
    steps = list(search(space, lambda s: (s["a"] - 3) ** 2 + (s["b"] - s["a"] + 1) ** 2 / 2))
    assert steps[0] == {"a": 0, "b": 0} and steps[-1] == {"a": 3, "b": 2}
    flat = list(search(space, lambda s: 1.0))
    assert flat == [{"a": 0, "b": 0}], "nothing changes for nothing"


def test_a_search_begins_with_settings_from_its_lists():
    for space in SPACES.values():
        assert set(space.start) == set(space.values)
        assert all(space.start[name] in values for name, values in space.values.items())
        space.method(**space.start)


def test_tuned_settings_are_from_the_lists_and_no_defaults():
    for name, tuned in (("tvl1", TVL1_TUNED), ("farneback", FARNEBACK_TUNED), ("dis", DIS_TUNED)):
        assert tuned
        for setting, value in tuned.items():
            assert value in SPACES[name].values[setting] and value != SPACES[name].start[setting]


def test_what_was_measured_is_kept_and_its_table_is_whole(tmp_path, monkeypatch):
    small = Space(
        SPACES["farneback"].method, {"winSize": 15, "polySigma": 1.2}, {"winSize": (5, 15), "polySigma": (1.2,)}
    )
    monkeypatch.setitem(SPACES, "farneback", small)
    sizes = dict(methods=["farneback"], size=48, subjects=2, clips=1, workers=1)
    table = tune(tmp_path, **sizes)
    assert [json.loads(text)["winSize"] for text in table["settings"]] == [15, 5] and table["step"][0] == 0
    assert table["step"][1] == 1 if table["score"].is_monotonic_decreasing else pd.isna(table["step"][1])
    assert ((table["epe"] * table["epe_moving"]) ** 0.5).tolist() == pytest.approx(table["score"].tolist())
    monkeypatch.setattr(tuning, "errors_per_clip", None)  # nothing is measured again
    pd.testing.assert_frame_equal(tune(tmp_path, **sizes), table)


def test_an_unknown_method_is_refused(tmp_path):
    with pytest.raises(UsageError, match="'tvl2' is not one of tvl1, farneback, dis, lucas_kanade"):
        tune(tmp_path, methods=["tvl2"])
