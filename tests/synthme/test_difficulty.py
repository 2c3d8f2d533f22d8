"""What synthme-2 adds to the rendered people: each nuisance does what its name says, and nothing when it is off."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest

from selfme_lib.data.readers import read_dataset
from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.files import read_json
from selfme_lib.synthme import (
    SYNTHME_2,
    VERSIONS,
    Difficulty,
    Expression,
    Person,
    Pose,
    SynthConfig,
    create_identity,
    final_tables,
    set_up,
    write_dataset,
)
from selfme_lib.synthme.action_units import CLASS_OF_EMOTION, RECIPES
from selfme_lib.synthme.furrows import draw_furrows
from selfme_lib.synthme.ground_truth import exact_flow
from selfme_lib.synthme.head import load_head
from selfme_lib.synthme.identity import POPULATIONS, make_face
from selfme_lib.synthme.plan import draw_labels, plan_clips
from selfme_lib.synthme.render import Shot, _exposed
from selfme_lib.synthme.studio import film, renderer_of
from selfme_lib.synthme.timeline import range_of, write_script
from selfme_lib.synthme.truth import load_truth

NEW = ("unit_range", "side_timing", "exposure", "registration", "furrows", "lamp_sway", "head_turn", "head_shift")
MOVING = ("unit_range", "side_timing", "registration", "head_turn", "head_shift")  # the others change light alone


@pytest.fixture(scope="module")
def man():
    seed = next(seed for seed in range(20) if make_face(Person((seed,))).sex > 0.5)
    return Person((seed,))


def filmed(person, difficulty):
    """Two frames of a clip, before and while the face moves, and the motion between them."""
    renderer = renderer_of(person, 48)
    script = write_script(renderer.identity, "disgust", difficulty, (7, 1))
    halfway = (script.true_onset + script.true_apex) // 2
    frames = [picture for _, picture in film(renderer, script, wanted=(0, halfway))]
    flow = exact_flow(renderer, script.state(halfway), script.state(0))
    return np.stack(frames).astype(int), flow.total


@pytest.mark.parametrize("name", NEW)
def test_each_nuisance_changes_the_frames_and_only_those_that_move_something_the_truth(name, man):
    plain = Difficulty(peak=(10.0, 10.0))  # at 48 pixels a micro-expression moves by a tenth of one from frame to frame
    before, still = filmed(man, plain)
    after, moved = filmed(man, replace(plain, **{name: getattr(SYNTHME_2, name)}))
    assert (before != after).any()
    assert (still != moved).any() == (name in MOVING)


def test_a_version_is_its_difficulty_in_its_worlds():
    for world, version in (("synthme-1", "synthme-1"), ("home", "synthme-2"), ("other", "synthme-2")):
        assert SynthConfig(world=world, difficulty=VERSIONS[version]).version == version
        assert SynthConfig(world=world, difficulty=replace(Difficulty(), noise=0.02)).version is None


def test_populations_never_meet():
    """The same seed gives another face in each, and keys of two populations are never equal."""
    with final_tables():
        faces = [create_identity(5, population).vertices for population in POPULATIONS]
    assert len(set(POPULATIONS.values())) == len(POPULATIONS) == 4
    for number, face in enumerate(faces):
        assert all(np.abs(face - other).max() > 0.05 for other in faces[:number])


def test_fresh_people_are_seen_in_the_final_tables_and_nowhere_else(tmp_path):
    config = SynthConfig(subjects=1, clips=1, size=32, population="fresh")
    for asked in (
        lambda: create_identity(0, "fresh"),
        lambda: plan_clips(config),
        lambda: write_dataset(tmp_path, config),
    ):
        with pytest.raises(UsageError, match="fresh people are seen once"):
            asked()
    with final_tables():
        write_dataset(tmp_path / "fresh", config, workers=2)
    with pytest.raises(UsageError, match="fresh"):
        create_identity(0, "fresh")
    assert next((tmp_path / "fresh").rglob("*.jpg"))


def test_glasses_go_with_the_head_and_not_with_the_skin():
    person = replace(Person((3,)), glasses=1.0)
    renderer = set_up(make_face(person), 96)
    n = len(renderer.identity.vertices)
    frown = Expression(action_units={4: (0.8, 0.8), 9: (0.8, 0.8)})
    assert (renderer.vertices(frown)[n:] == renderer.vertices(Expression())[n:]).all() and len(
        renderer.vertices(frown)
    ) > n
    bare = set_up(make_face(Person((3,))), 96)
    assert (bare.identity.vertices == renderer.identity.vertices).all()
    drawn = np.abs(renderer.render() - bare.render()).max(-1) > 0.05
    assert 100 < drawn.sum() < 0.15 * drawn.size
    flow = exact_flow(renderer, (frown, Pose()), (Expression(), Pose()))
    seen = renderer.surface(renderer.vertices(frown), Pose())
    on_glasses = seen.image(np.asarray(seen.weights[:, n:].sum(1)).ravel() > 0.99)
    assert on_glasses.sum() > 30 and (flow.action_unit[:, on_glasses] == 0).all()


def test_the_surface_of_glasses_faces_outwards():
    """Every rim is seen by the camera, so it hides what is behind it: front faces, not back faces, are nearest."""
    renderer = set_up(make_face(replace(Person((3,)), glasses=1.0)), 96)
    n = len(renderer.identity.vertices)
    a, b, c = (
        renderer.vertices(Expression())[renderer.triangles[renderer.triangles[:, 0] >= n].T[i]] for i in range(3)
    )
    volume = np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6
    assert volume > 0  # of a closed surface seen from outside counter-clockwise


def test_beards_are_worn_by_men_and_lift_the_skin(man):
    bare, bearded = make_face(man), make_face(replace(man, beards=1.0))
    moved = np.linalg.norm(bearded.vertices - bare.vertices, axis=1)
    assert bearded.appearance.beard > 0 and 0.01 < moved.max() < 0.1
    assert moved[load_head().of_part("eye")].max() == 0
    women = [make_face(Person((seed,), beards=1.0)) for seed in range(12)]
    assert all(face.appearance.beard == 0 for face in women if face.sex <= 0.5)


def test_furrows_deepen_with_the_unit_that_makes_them_on_its_side():
    furrows = draw_furrows(make_face(Person((3,))), 256)
    assert furrows.darkening({}) is None and furrows.darkening({17: (1, 1), 4: (0, 0)}) is None
    weak, strong, left = (furrows.darkening({4: sides}) for sides in ((0.05, 0.05), (0.5, 0.5), (0.5, 0.0)))
    assert 0 < weak.sum() < strong.sum() and strong.max() <= 0.9
    middle = 128
    assert left[:, middle + 1 :].sum() > 0 and left[:, : middle - 4].sum() == 0
    assert all(furrows.darkening({unit: (1, 1)}).max() > 0.1 for unit in (1, 2, 4, 6, 9, 12))


def test_furrows_darken_the_picture_and_move_nothing():
    renderer = renderer_of(Person((3,)), 96)
    frown = Expression(action_units={4: (0.3, 0.3)})
    plain, lined = renderer.render(frown), renderer.render(frown, shot=Shot(furrows=1.0))
    assert (lined <= plain + 1e-6).all() and (plain - lined).max() > 0.02
    assert (renderer.render(shot=Shot(furrows=1.0)) == renderer.render()).all()


def test_lamps_that_sway_there_and_back_leave_no_trace():
    renderer = renderer_of(Person((3,)), 64)
    swayed = [renderer.render(shot=Shot(sway=(turn, 0.0))) for turn in (0.0, 0.05, 0.0)]
    assert (swayed[0] == swayed[2]).all() and np.abs(swayed[0] - swayed[1]).max() > 0.005


def test_an_exposure_smears_an_edge_over_the_path_that_it_moves():
    picture = np.zeros((9, 40, 3), np.float32)
    picture[:, 20:] = 1
    path = [np.full((9, 40), 6, np.float32), np.zeros((9, 40), np.float32)]
    smeared = _exposed(picture, path)
    assert smeared[4, 10:31, 0].sum() == pytest.approx(picture[4, 10:31, 0].sum(), abs=0.1)
    ramp = np.flatnonzero((smeared[4, :, 0] > 0.02) & (smeared[4, :, 0] < 0.98))
    assert ramp.min() >= 17 and ramp.max() <= 22 and len(ramp) >= 4
    assert _exposed(picture, [path[1], path[1]]) is picture


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_an_exposure_leaves_a_wall_as_it_is_up_to_the_border(precision):
    wall = np.full((32, 32, 3), 0.5, precision)
    moved = np.full((32, 32), 0.3, np.float32)
    np.testing.assert_allclose(_exposed(wall, [moved, moved]), wall, atol=1e-6)


def test_the_range_of_units_is_one_in_the_middle_and_spans_much():
    ranges = [range_of(recipe) for emotion in CLASS_OF_EMOTION for recipe in RECIPES[emotion]]
    assert np.mean(np.log(ranges)) == pytest.approx(0, abs=1e-6)
    assert max(ranges) / min(ranges) > 3


def test_coders_miss_onset_and_apex_and_the_truth_knows_both(tmp_path):
    difficulty = replace(Difficulty(), label_jitter=2.0)
    clips = plan_clips(SynthConfig(subjects=3, clips=8, difficulty=difficulty, population="choice"))
    missed = np.array([clip.script.apex - clip.script.true_apex for clip in clips])
    assert missed.any() and abs(missed.mean()) < 1.5
    for clip in clips:
        assert 0 <= clip.script.onset < clip.script.apex <= clip.script.offset < len(clip.script)
    config = SynthConfig(subjects=1, clips=1, size=32, difficulty=difficulty, population="choice")
    write_dataset(tmp_path / "d", config, workers=1)
    (planned,) = plan_clips(config)
    truth = load_truth(tmp_path / "d", planned.files.subject, planned.files.name)
    assert (truth.onset, truth.apex, truth.offset) == planned.script.frame_numbers
    assert (truth.true_onset, truth.true_apex, truth.true_offset) == planned.script.true_frame_numbers


@pytest.mark.parametrize("layout", ["casme2", "smic", "samm"])
def test_others_are_drawn_where_the_layouts_data_set_has_them(layout):
    config = SynthConfig(subjects=10, clips=20, layout=layout)
    plain, emotions = (list(chain(*draw_labels(one))) for one in (config, replace(config, others=True)))
    assert "others" not in plain
    expected = {"casme2": 99 / 244, "smic": 0, "samm": 26 / 159}[layout]
    assert emotions.count("others") == pytest.approx(200 * expected, abs=1)


def test_clips_that_fit_no_class_are_written_and_left_out_by_the_reader(tmp_path):
    config = SynthConfig(
        subjects=2, clips=6, size=32, others=True, population="choice", world="home", difficulty=SYNTHME_2
    )
    write_dataset(tmp_path / "d", config, workers=2)
    labels = list(chain(*draw_labels(config)))
    contents = read_dataset("synthme", tmp_path / "d")
    assert 0 < labels.count("others") < 12 and not contents.errors
    assert len(contents.clips) == 12 - labels.count("others")
    assert read_json(tmp_path / "d" / "synthme.json")["version"] == "synthme-2"


def test_the_gain_is_of_double_precision_as_in_synthme_1():
    """In single precision a hundredth of the frames would differ in a few grey levels from those that were published."""
    script = write_script(make_face(Person((3,))), "happiness", Difficulty(), (7, 2))
    assert all(script.shot(frame).gain.dtype == np.float64 for frame in range(len(script)))
