from dataclasses import replace

import numpy as np
import pytest

from selfme_lib.data import load_clips, read_frame
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import read_json, write_json
from selfme_lib.synthme import SynthConfig, fingerprint, write_dataset
from selfme_lib.synthme.dataset import load_excerpt, render_excerpts, stored_config
from selfme_lib.synthme.difficulty import Difficulty
from selfme_lib.synthme.head import load_head
from selfme_lib.synthme.identity import create_identity
from selfme_lib.synthme.timeline import write_script
from selfme_lib.synthme.truth import load_truth

SMALL = SynthConfig(subjects=1, clips=1, size=32, seed=4)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("set") / "made", SMALL, workers=1)


def test_an_excerpt_is_what_the_whole_set_holds(root, tmp_path):
    clip = load_clips("synthme", root)[0]
    paths = render_excerpts(tmp_path / "some", SMALL, [(clip.subject, clip.name)], workers=1)
    found, truth = load_excerpt(paths[clip.subject, clip.name]), load_truth(root, clip.subject, clip.name)
    for picture, path in ((found.onset, clip.onset_path), (found.apex, clip.apex_path)):
        np.testing.assert_array_equal(picture, (read_frame(path).permute(1, 2, 0) * 255).round().byte().numpy())
    assert (found.flow_backward == truth.flow_backward).all()
    assert (found.au_flow_backward == truth.au_flow_backward).all()
    assert len(list((tmp_path / "some").rglob("*.npz"))) == 1, "nothing but what was asked for"
    before = paths[clip.subject, clip.name].stat().st_mtime_ns
    render_excerpts(tmp_path / "some", SMALL, [(clip.subject, clip.name)], workers=1)
    assert paths[clip.subject, clip.name].stat().st_mtime_ns == before
    sound = paths[clip.subject, clip.name].read_bytes()
    paths[clip.subject, clip.name].write_bytes(sound[:-300])
    render_excerpts(tmp_path / "some", SMALL, [(clip.subject, clip.name)], workers=1)
    assert paths[clip.subject, clip.name].read_bytes() == sound, "damaged, it is rendered again"
    with pytest.raises(UsageError, match="no clip 07/EP01_01f"):
        render_excerpts(tmp_path / "some", SMALL, [("07", "EP01_01f")], workers=1)


def test_every_yaw_is_another_data_set():
    assert fingerprint(replace(SMALL, yaw=15)) not in (fingerprint(SMALL), fingerprint(replace(SMALL, yaw=-15)))


def test_a_turned_head_makes_the_same_clip_with_its_eyes_in_place():
    identity = create_identity((4, 0))
    script = write_script(identity, "surprise", Difficulty(), (4, 1))
    turned = script.turned(identity, 0.26)
    assert (turned.intensity == script.intensity).all()
    for before, after in zip(script.poses, turned.poses):
        assert after.yaw - before.yaw == pytest.approx(0.26)
        assert (after.pitch, after.roll) == (before.pitch, before.roll)
    eyes = identity.vertices[load_head().of_part("eye")].mean(0, keepdims=True)
    places = [identity.camera(256).project(eyes, some.poses[0])[0][0] for some in (script, turned)]
    assert np.linalg.norm(places[1] - places[0]) < 2
    nose = identity.vertices[[np.argmax(load_head().vertices[:, 2])]]
    places = [identity.camera(256).project(nose, some.poses[0])[0][0] for some in (script, turned)]
    assert places[1][0] - places[0][0] > 10, "the nose moves to the picture's right"


def test_a_folder_knows_its_configuration(root, tmp_path):
    assert stored_config(root) == SMALL
    description = read_json(root / "synthme.json")
    for damaged in ({}, {**description, "version": "mine"}, {**description, "config": None}, {"config": {}}):
        write_json(tmp_path / "synthme.json", {**damaged, "fingerprint": "0"})
        with pytest.raises(DataError, match="cannot be rendered again"):
            stored_config(tmp_path)
