import json

import pytest
import trees

from selfme_lib.data import examine, load_clips, load_onset_apex, selection_report
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.synthme import SynthConfig, write_dataset
from selfme_lib.synthme.truth import load_truth


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
    "content",
    [
        *("", "{", "[]", "{}", '{"layout": "casme3", "fps": 200}', '{"layout": "casme2", "fps": "fast"}'),
        *(f'{{"layout": "casme2", "fps": {fps}}}' for fps in ("0", "-200", "NaN", "Infinity", "-0.0", "1e999", "null")),
    ],
)
def test_a_damaged_description_of_synthme(tmp_path, content):
    root = synthme(tmp_path, "casme2")
    (root / "synthme.json").write_text(content)
    with pytest.raises(DataError, match=r"synthme\.json: damaged"):
        load_clips("synthme", root)


def test_a_folder_that_is_not_synthme(tmp_path):
    with pytest.raises(DataError, match="not SynthME"):
        load_clips("synthme", trees.casme2(tmp_path))


@pytest.mark.parametrize("ask", [load_clips, selection_report, examine])
@pytest.mark.parametrize("dataset", ["casme", "CASME II"])
def test_other_data_sets_are_refused_with_those_that_can_be_read(tmp_path, ask, dataset):
    with pytest.raises(UsageError, match="casme2, smic, samm, casme3, mmew, 4dme, folder, composite, synthme"):
        ask(dataset, tmp_path)


def test_unknown_apex_rule(tmp_path):
    with pytest.raises(UsageError, match="label, middle, list"):
        load_clips("casme2", trees.casme2(tmp_path), apex_rule="largest")


def test_synthme_that_was_not_finished_is_refused(tmp_path):
    root = synthme(tmp_path, "smic")
    description = {"layout": "smic", "fps": 50, "config": {"subjects": 3, "clips": 2}}
    (root / "synthme.json").write_text(json.dumps(description))
    with pytest.raises(DataError, match="6 clips should be there, 5 can be used"):
        load_clips("synthme", root)


def test_the_truth_beside_the_frames_is_not_mistaken_for_frames(tmp_path):
    root = synthme(tmp_path, "casme2")
    (root / "truth/sub01").mkdir(parents=True)
    (root / "truth/sub01/EP02_01f.npz").write_bytes(b"x")
    assert not any("holds frames too" in fault.line for fault in examine("synthme", root).faults)


@pytest.mark.parametrize("layout", ["casme2", "smic", "samm"])
def test_synthme_as_it_is_written(tmp_path, layout):
    """SynthME is sound and complete, and the readers name its clips as its truth does."""
    config = SynthConfig(subjects=2, clips=2, size=48, layout=layout)
    root = write_dataset(tmp_path / layout, config, workers=1)
    examination = examine("synthme", root)
    assert examination.faults == []
    assert examination.summary["clips"] == 4 and examination.summary["subjects"] == 2
    clips = load_clips("synthme", root, apex_rule="middle" if layout == "smic" else "label")
    assert [clip.fps for clip in clips] == [config.fps] * 4
    for clip in clips:
        truth = load_truth(root, clip.subject, clip.name)
        assert (clip.onset, clip.offset) == (truth.onset, truth.offset)
        assert clip.apex == truth.apex or layout == "smic"  # which has no apex labels
    onset, apex = load_onset_apex(clips, 48)
    assert (onset - apex).abs().max() > 0.02


def test_synthme_in_casme2_layout_is_a_casme2_for_everyone_else(tmp_path):
    root = write_dataset(tmp_path / "synthme", SynthConfig(subjects=1, clips=2, size=48), workers=1)
    assert [clip.key for clip in load_clips("casme2", root)] == [clip.key for clip in load_clips("synthme", root)]
    assert not examine("casme2", root).errors
