import json

import pytest
import trees

from selfme_lib.data import examine, load_clips, selection_report
from selfme_lib.errors import DataError, UsageError


def synthme(root, layout, fps=200):
    {"casme2": trees.casme2, "smic": lambda root: trees.smic_cropped(root, folder=".")}[layout](root)
    (root / "synthme.json").write_text(json.dumps({"layout": layout, "fps": fps}))
    return root


@pytest.mark.parametrize(("layout", "inside"), [("casme2", "Cropped"), ("smic", "HS")])
def test_synthme_is_read_by_the_reader_of_its_layout(tmp_path, layout, inside):
    root = synthme(tmp_path, layout, fps=150)
    clips, real = load_clips("synthme", root), load_clips(layout, root)
    assert [clip.key for clip in clips] == [clip.key for clip in real]
    assert {clip.dataset for clip in clips} == {"synthme"} and {clip.fps for clip in clips} == {150}
    assert load_clips("synthme", root / inside) == clips


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"layout": "samm", "fps": 200}', '{"layout": "casme2", "fps": "fast"}']
)
def test_a_damaged_description_of_synthme(tmp_path, content):
    root = synthme(tmp_path, "casme2")
    (root / "synthme.json").write_text(content)
    with pytest.raises(DataError, match=r"synthme\.json: damaged"):
        load_clips("synthme", root)


def test_what_is_not_synthme(tmp_path):
    with pytest.raises(DataError, match="not SynthME"):
        load_clips("synthme", trees.casme2(tmp_path))


@pytest.mark.parametrize("ask", [load_clips, selection_report, examine])
@pytest.mark.parametrize("dataset", ["samm", "voxceleb", "CASME II"])
def test_other_data_sets_are_refused_with_those_that_can_be_read(tmp_path, ask, dataset):
    with pytest.raises(UsageError, match="casme2, smic, synthme"):
        ask(dataset, tmp_path)


def test_unknown_apex_rule(tmp_path):
    with pytest.raises(UsageError, match="label, middle"):
        load_clips("casme2", trees.casme2(tmp_path), apex_rule="largest")
