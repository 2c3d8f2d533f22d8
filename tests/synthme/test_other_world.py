"""The other world: its own people, paint, light and camera; and a truth that is as exact as at home."""

import cv2
import numpy as np
import pytest
import torch

from selfme_lib.grids import warp
from selfme_lib.runtime.errors import UsageError
from selfme_lib.synthme import (
    SYNTHME_2,
    Expression,
    Person,
    Pose,
    SynthConfig,
    other_camera,
    other_people,
    other_texture,
    render_pairs,
    set_up,
    write_dataset,
)
from selfme_lib.synthme.action_units import displacement
from selfme_lib.synthme.ground_truth import exact_flow
from selfme_lib.synthme.head import PARTS, load_head, smoothstep
from selfme_lib.synthme.identity import make_face
from selfme_lib.synthme.looks import ENCODING_GAMMA, LOOKS
from selfme_lib.synthme.raster import rasterise
from selfme_lib.synthme.render import NEUTRAL
from selfme_lib.synthme.sensor import expose
from selfme_lib.synthme.studio import film
from selfme_lib.synthme.timeline import scaled_to, write_script

SIZE = 96
WORLDS = ("home", "other")


@pytest.fixture(scope="module")
def renderers():
    return {world: set_up(make_face(Person((3,), "choice", world=world)), SIZE) for world in WORLDS}


@pytest.fixture(scope="module")
def grey():
    """A grey card before the camera of each world: what varies in it is noise. Two exposures of either."""
    card = np.full((SIZE, SIZE, 3), 0.6, np.float32)
    home = [expose(card, np.random.default_rng(seed), noise=0.008) for seed in (1, 2)]
    other = [other_camera.expose(card, (1,), frame, gamma=ENCODING_GAMMA) for frame in (1, 2)]
    return {"home": np.stack(home).astype(float), "other": np.stack(other).astype(float)}


def as_batch(picture):
    return torch.from_numpy(picture).float().permute(2, 0, 1)[None]


def test_the_same_seed_is_somebody_else_and_glasses_change_nothing_but_glasses():
    home, other = (make_face(Person((5,), "choice", world=world)) for world in WORLDS)
    assert home.key != other.key and np.abs(home.vertices - other.vertices).max() > 0.1
    again = make_face(Person((5,), "choice", glasses=1.0, world="other"))
    assert again.glasses and (again.vertices == other.vertices).all() and (again.bend == other.bend).all()
    assert home.bend is None


def test_nothing_is_trained_on_it(tmp_path):
    with pytest.raises(UsageError, match="nothing is trained on the other world"):
        render_pairs(tmp_path / "pairs.npy", [3], pairs_per_identity=1, size=32, world="other", workers=1)


def test_movements_are_quick_at_first_and_end_at_the_apex():
    course = other_people.rise(2.0, 8, np.arange(10.0))
    assert (course[:3] == 0).all() and course[8] == course[9] == 1 and (np.diff(course[2:9]) > 0).all()
    assert course[4] > 0.6 > smoothstep(2, 8, np.array([4.0]))[0]


def test_the_head_is_no_sum_of_targets():
    """What is left of a face after the best fit by all shape targets: nothing at home, much in the other world."""
    head = load_head()
    skin = np.flatnonzero((head.vertex_part == 0) & (head.openness > 0.4))[::9]
    names = [name for name in head.targets if not name.startswith("unit/")]
    basis = np.stack([head.displacement({name: 1.0})[skin].ravel() for name in names], axis=1)
    left = {}
    for world in WORLDS:
        faces = [make_face(Person((seed,), "choice", world=world)) for seed in range(3)]
        bald = [(face.vertices - head.vertices)[skin].ravel() for face in faces]
        rest = [offset - basis @ np.linalg.lstsq(basis, offset, rcond=1e-6)[0] for offset in bald]
        left[world] = np.mean([np.linalg.norm(x) / np.linalg.norm(y) for x, y in zip(rest, bald)])
    assert left["other"] > 1.5 * left["home"]


def test_action_units_move_other_people_otherwise():
    home, other = (make_face(Person((5,), "choice", world=world)) for world in WORLDS)
    smile = {12: (1.0, 1.0)}
    plain, bent = displacement(smile), other.displacement(smile)
    assert (home.displacement(smile) == plain).all()
    moved = np.linalg.norm(plain, axis=1) > 0.3 * np.linalg.norm(plain, axis=1).max()
    cosine = (plain * bent)[moved].sum(1) / np.linalg.norm(plain[moved], axis=1) / np.linalg.norm(bent[moved], axis=1)
    assert 0.5 < cosine.mean() < 0.995 and cosine.min() > 0
    blink = other.displacement({45: (1.0, 1.0)})
    assert np.linalg.norm(blink, axis=1).max() > 0.6 * np.linalg.norm(displacement({45: (1.0, 1.0)}), axis=1).max()


def test_warping_the_onset_by_the_truth_gives_the_apex(renderers):
    renderer = renderers["other"]
    units = scaled_to(renderer.identity, {1: (1.0, 1.0), 2: (1.0, 0.8), 12: (0.8, 1.0)}, 5.0)
    onset, apex = (NEUTRAL, Pose()), (Expression(units), Pose(yaw=0.01, shift_x=2.0))
    flow = exact_flow(renderer, apex, onset)
    before, after = renderer.render(*onset), renderer.render(*apex)
    warped = warp(as_batch(before), torch.from_numpy(flow.total)[None])[0].permute(1, 2, 0).numpy()
    seen = flow.visible
    assert np.abs(warped - after)[seen].mean() < 0.3 * np.abs(before - after)[seen].mean()
    longest = np.linalg.norm(exact_flow(renderer, (Expression(units), Pose()), onset).total, axis=0)[seen].max()
    assert longest * 256 / SIZE == pytest.approx(5.0, rel=0.2)


def test_exposed_by_the_telephone_the_truth_still_explains_the_apex(renderers):
    """Vignetting, mosaic, smear and codec move nothing: the warped onset differs from the apex by little more than two exposures
    of one state do."""
    renderer = renderers["other"]
    units = scaled_to(renderer.identity, {1: (1.0, 1.0), 2: (1.0, 1.0), 12: (1.0, 1.0)}, 6.0)
    onset, apex = (NEUTRAL, Pose()), (Expression(units), Pose(shift_x=2.0))
    flow = exact_flow(renderer, apex, onset)

    def taken(state, frame):
        return other_camera.expose(renderer.render(*state), (4,), frame, gamma=ENCODING_GAMMA) / 255.0

    before, after, again = taken(onset, 0), taken(apex, 1), taken(apex, 2)
    warped = warp(as_batch(before), torch.from_numpy(flow.total)[None])[0].permute(1, 2, 0).numpy()
    inside = flow.visible & (cv2.erode(flow.surface.astype(np.uint8), np.ones((5, 5))) > 0)
    errors = {
        name: np.abs(one - after)[inside].mean()
        for name, one in (("still", before), ("warped", warped), ("noise", again))
    }
    assert errors["warped"] < 0.8 * errors["still"] and errors["warped"] < 1.5 * errors["noise"], errors


def test_noise_is_correlated_there_and_white_at_home(grey):
    correlation = {}
    for world, (one, two) in grey.items():
        noise = (one - two)[..., 1]
        correlation[world] = np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]
    assert abs(correlation["home"]) < 0.05 and correlation["other"] > 0.25


def test_corners_are_darker_and_light_comes_in_bands(grey):
    other = grey["other"].mean(-1)
    assert other[0, :6, :6].mean() < 0.92 * other[0, 45:51, 45:51].mean()
    assert abs(grey["home"][0, :6, :6].mean() - grey["home"][0, 45:51, 45:51].mean()) < 2
    bands = (other[1] - other[0]).mean(1)
    assert np.ptp(cv2.blur(bands[:, None], (1, 9))) > 1.0, "rows of two frames differ in brightness"


def test_the_fixed_pattern_stays():
    """The mean of many frames keeps a pattern that frames of white noise would not."""
    card = np.full((48, 48, 3), 0.6, np.float32)
    frames = (
        np.stack([other_camera.expose(card, (1,), k, gamma=ENCODING_GAMMA) for k in range(16)]).astype(float).mean(-1)
    )
    halves = [part.mean(0) - cv2.GaussianBlur(part.mean(0), (0, 0), 3) for part in (frames[::2], frames[1::2])]
    assert np.corrcoef(halves[0].ravel(), halves[1].ravel())[0, 1] > 0.2


def test_a_frame_does_not_depend_on_which_others_are_wanted(renderers):
    renderer = renderers["other"]
    script = write_script(renderer.identity, "happiness", SYNTHME_2, (7, 1))
    every, one = dict(film(renderer, script, wanted=(0, 3))), dict(film(renderer, script, wanted=(3,)))
    assert (every[3] == one[3]).all() and (every[0] != every[3]).any()


def test_skin_has_another_grain_and_another_gamut():
    contrast, colour = {}, {}
    for world in WORLDS:
        cheek = LOOKS[world].paint(make_face(Person((4,), "choice", world=world)), 1024).colour[530:594, 602:666, :3]
        contrast[world] = (cheek[..., 1] / cv2.GaussianBlur(cheek[..., 1], (0, 0), 12)).std()
        colour[world] = np.log(cheek[..., 0] / cheek[..., 2]).mean()
    assert contrast["other"] > 1.3 * contrast["home"] and abs(colour["other"] - colour["home"]) > 0.15


def test_cells_are_voronois():
    """Distances to the nearest and second nearest point against all points of a small picture."""
    near, second, _ = other_texture.cells(np.random.default_rng(3), (40, 40), 8.0)
    assert (near <= second).all() and near.min() < 0.1 and near.max() < 1.5
    gradient = np.hypot(*np.gradient(near * 8.0))
    assert np.percentile(gradient, 95) <= 1.01, "a distance grows by at most a texel per texel"


def test_bytes_do_not_depend_on_the_number_of_workers(tmp_path):
    config = SynthConfig(subjects=2, clips=1, size=32, world="other", difficulty=SYNTHME_2, population="choice")
    one, two = (write_dataset(tmp_path / str(workers), config, workers=workers) for workers in (1, 2))
    files = sorted(path.relative_to(one) for path in one.rglob("*.*") if path.is_file())
    assert len(files) > 20 and all((one / path).read_bytes() == (two / path).read_bytes() for path in files)


def test_teeth_stay_behind_warped_lips():
    """Of six people who press their lips or smile a little, hardly a pixel shows teeth or tongue; the face has thousands."""
    head, skin = load_head(), []
    inner = np.isin(head.vertex_part, [PARTS.index("teeth"), PARTS.index("tongue")]).astype(float)
    worn = head.triangles[head.part != PARTS.index("hair")]
    for seed in range(6):
        face = make_face(Person((0, seed), "choice", world="other"))
        for units in ({12: (0.1, 0.1)}, {24: (0.1, 0.1)}):
            points, depth = face.camera(SIZE).project(face.vertices + face.displacement(units), Pose())
            seen = rasterise(points, depth, worn, SIZE)
            skin.append(((seen.weights @ inner) > 0.5).mean())
    assert max(skin) < 0.004 and np.mean(skin) < 0.001
