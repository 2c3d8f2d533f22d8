import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from selfme_lib.runtime.errors import UsageError
from selfme_lib.study.run_folder import RunFolder


def test_a_table_keeps_its_values_as_json_knows_them(tmp_path):
    run = RunFolder(tmp_path)
    table = pd.DataFrame({"method": ["tvl1", "zero"], "epe": [np.float32(0.5), np.nan], "learned": [np.True_, False]})
    run.save_table("03_motion", table, title="Motion", caption="How far off.", place="headline")
    record = run.load("03_motion")
    assert record["columns"] == ["method", "epe", "learned"]
    assert record["rows"] == [["tvl1", 0.5, True], ["zero", None, False]]
    assert (record["title"], record["caption"], record["place"]) == ("Motion", "How far off.", "headline")


def test_items_come_in_the_order_of_notebooks_and_of_saving(tmp_path):
    run = RunFolder(tmp_path)
    for name in ("05_z", "A1_d", "02_b", "A1_c", "05_a"):
        run.save_values(name, {"x": 1}, title=name)
    run.save_figure("05_m", Figure(), title="m", caption="m", alt="m")
    run.save_values("05_z", {"x": 2}, title="again")
    assert [item["name"] for item in run.items()] == ["02_b", "05_z", "05_a", "05_m", "A1_d", "A1_c"]
    run.forget("05")
    assert [item["name"] for item in run.items()] == ["02_b", "A1_d", "A1_c"]
    assert list(run.figures.iterdir()) == []


def test_the_same_figure_is_the_same_bytes(tmp_path):
    run = RunFolder(tmp_path)
    picture = run.figures / "01_face.png"
    run.save_figure("01_face", Figure(), title="t", caption="c", alt="a")
    first = picture.read_bytes()
    assert first.startswith(b"\x89PNG")
    run.save_figure("01_face", Figure(), title="t", caption="c", alt="a")
    assert picture.read_bytes() == first


@pytest.mark.parametrize("name", ["loso", "5_loso", "05_Loso", "05_../x", "05-loso"])
def test_names_must_tell_the_notebook(tmp_path, name):
    with pytest.raises(UsageError, match="as in 05_loso"):
        RunFolder(tmp_path).save_values(name, {}, title="t")
    with pytest.raises(UsageError, match="as in 05_loso"):
        RunFolder(tmp_path).save_figure(name, Figure(), title="t", caption="c", alt="a")
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_saved_is_an_error_that_says_so(tmp_path):
    with pytest.raises(UsageError, match="no result '05_loso'"):
        RunFolder(tmp_path).load("05_loso")
