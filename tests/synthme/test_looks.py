"""What the people of world "home" look like; those of synthme-1 look as ever."""

from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from selfme_lib.synthme import SYNTHME_2, Expression, Person, Pose, Shot, set_up
from selfme_lib.synthme.brows import brow_line, paint_brows
from selfme_lib.synthme.eyes import WetEyes
from selfme_lib.synthme.glasses import AROUND
from selfme_lib.synthme.hair import grow_locks
from selfme_lib.synthme.head import load_head
from selfme_lib.synthme.identity import make_face
from selfme_lib.synthme.lips import lip_shape
from selfme_lib.synthme.looks import LOOKS
from selfme_lib.synthme.optics import axes_of_lamp
from selfme_lib.synthme.panes import Panes
from selfme_lib.synthme.portrait import paint_portrait
from selfme_lib.synthme.shading import Light
from selfme_lib.synthme.studio import people_sheet
from selfme_lib.synthme.texture import PAINTED, TILE, unrolled

AS_EVER = Path(__file__).with_name("as_ever.png")
SIZE = 64


@pytest.fixture(scope="module")
def people():
    return [make_face(Person((seed,), "choice", world="home")) for seed in range(24)]


@pytest.fixture(scope="module")
def somebody(people):
    return set_up(people[1], SIZE)


def test_frames_of_synthme_1_are_what_they_were():
    """`as_ever.png` was written before there was another world: two people, neutral and frowning, with lamps that sway."""
    frown, shot = Expression({4: (0.3, 0.2), 12: (0.2, 0.3)}, gaze=(0.05, 0.02)), Shot(1.1, 0.5, (0.02, 0.01))
    rows = []
    for person in (Person((3,)), Person((5,), "evaluation", 1.0, 1.0)):
        renderer = set_up(make_face(person), 48)
        pictures = renderer.render(), renderer.render(frown, Pose(0.02, 0.1, 0.01, 1, 1), shot=shot)
        rows.append(np.hstack([(picture * 255 + 0.5).astype(np.uint8) for picture in pictures]))
    stored = cv2.imread(str(AS_EVER))[..., ::-1].astype(int)
    differs = np.abs(np.vstack(rows) - stored)
    assert differs.max() <= 1 and (differs > 0).mean() < 1e-3  # another processor may round another way


def test_a_portrait_is_painted_by_seed(people):
    first, again, other = (paint_portrait(face).colour for face in (people[0], people[0], people[1]))
    assert np.array_equal(first, again)
    assert np.abs(first - other).mean() > 0.01
    assert first.shape == (PAINTED + TILE, PAINTED, 4) and first.dtype == np.float32
    assert first.min() >= 0 and np.isfinite(first).all()


def test_brows_and_lips_are_everybodys_own(people):
    t = np.linspace(0, 1, 9)
    brows = [np.stack(brow_line(face.traits, t)) for face in people]
    _, at = unrolled().band(6.42, 6.78)
    lips = [lip_shape(face.traits, at.angle, at.height) > 0.5 for face in people]
    for one, other in combinations(range(len(people)), 2):
        assert np.abs(brows[one] - brows[other]).max() > 0.004
        assert (lips[one] != lips[other]).sum() > 0.01 * lips[one].sum()
    areas = [lip.sum() for lip in lips]
    assert max(areas) > 1.3 * min(areas)


def test_hair_is_worn_in_many_styles(people):
    assert len({face.traits.style for face in people}) >= 6
    assert any(face.traits.style == "bald" for face in people)


def test_thicker_brows_cover_more_skin(people):
    thin, thick = (replace(people[0].traits, brow_width=width) for width in (0.03, 0.07))
    darkened = []
    for traits in (thin, thick):
        canvas = np.ones((PAINTED, PAINTED, 4), np.float32)
        paint_brows(np.random.default_rng(0), traits, canvas)
        darkened.append((canvas[..., 1] < 0.8).sum())
    assert darkened[1] > 1.3 * darkened[0] > 0


def test_the_corneal_highlight_stays_with_the_lamp_and_not_with_the_gaze(people, monkeypatch):
    monkeypatch.setattr(WetEyes, "_lids", lambda self, row, column, view: (np.ones(len(row)), np.zeros(len(row))))
    renderer = set_up(replace(people[1], glasses=False), 192)
    wet = renderer._optics

    def highlight(gaze: float, sway: float) -> float:
        """The column of one eye's reflection."""
        pictures = []
        for optics in ([], wet):
            renderer._optics = optics
            pictures.append(renderer.render(Expression(gaze=(gaze, 0.0)), shot=Shot(sway=(sway, 0.0))))
        shine = np.clip(pictures[1] - pictures[0], 0, None).sum(-1)[:, 96:]
        assert shine.max() > 0.2
        shine = np.where(shine > 0.3 * shine.max(), shine, 0)
        return (np.arange(96) * shine).sum() / shine.sum()

    at_rest = highlight(0.0, 0.0)
    iris = 0.1 * 0.138 * renderer.camera.scale  # how far the iris goes at .1 radians
    assert abs(highlight(0.1, 0.0) - at_rest) < 0.55 * iris
    assert highlight(0.0, 0.3) - at_rest > 0.5


def test_the_lamps_image_is_where_the_mirror_says(people):
    """On a ball, the highlight lies where the normal halves the angle between lamp and camera."""
    lamp = np.array([0.5, 0.3, 0.8])
    lamp /= np.linalg.norm(lamp)
    eyes = WetEyes(people[0])
    half = lamp + np.array([0.0, 0.0, 1.0])
    half /= np.linalg.norm(half)
    mirrored = 2 * half[2] * half - [0, 0, 1]
    assert np.allclose(mirrored, lamp)
    shone = eyes._image(np.stack([mirrored, [0.0, 0.0, 1.0], -lamp]), lamp)
    assert shone[1] < 0.05 and shone[2] == 0
    assert eyes.window or shone[0] == pytest.approx(1)


def test_axes_of_a_lamp_are_at_right_angles(generator):
    for way in generator.normal(size=(8, 3)):
        way = way / np.linalg.norm(way)
        right, up = axes_of_lamp(way)
        assert (
            right[1] == 0 and right @ way == pytest.approx(0, abs=1e-12) and np.linalg.norm(right) == pytest.approx(1)
        )
        np.testing.assert_allclose(up, np.cross(way, right), rtol=0, atol=1e-15)


def test_panes_mirror_the_lamps_and_what_they_mirror_moves_with_the_lamp_and_the_head():
    """A pane that faces halfway between lamp and camera shows the lamp, and nothing of it when the lamp sways away."""
    face = make_face(Person((0,), "choice", glasses=1.0, world="home"))
    renderer = set_up(face, 96)
    panes = next(optics for optics in renderer._optics if isinstance(optics, Panes))
    panes.tilt, panes.wrap, panes.size = 0.0, 0.0, np.array([0.1, 0.1])
    light = Light(ambient=0.0, directions=np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]), colours=np.full((2, 3), 0.5))

    def brightest(lamps: Light, pose: Pose) -> float:
        """The column, from -1 to 1, at which the pane is brightest."""
        x = np.linspace(-1, 1, 81)
        shine = panes.mirrored(x, np.zeros((1, 1)), pose, lamps, 1)[0].mean(-1)
        return float((x * shine**2).sum() / (shine**2).sum())

    assert brightest(light, Pose()) == pytest.approx(0, abs=0.02)
    assert brightest(light.swayed(0.1, 0.0), Pose()) > 0.15
    assert brightest(light, Pose(yaw=0.05)) < -0.15


def test_glasses_shine_only_within_their_rims_and_only_at_home():
    home, plain = (set_up(make_face(Person((0,), "choice", 1.0, world=world)), 96) for world in ("home", "synthme-1"))
    assert not plain._optics
    with_panes = home.render()
    panes = next(optics for optics in home._optics if isinstance(optics, Panes))
    home._optics = [optics for optics in home._optics if optics is not panes]
    changed = np.abs(with_panes - home.render()).max(-1) > 1e-3
    rims = home.posed().points[-panes.worn :][: 8 * AROUND] / 2
    row, column = np.nonzero(changed)
    assert changed.sum() > 50
    assert rims[:, 0].min() - 2 < column.min() and column.max() < rims[:, 0].max() + 2
    assert rims[:, 1].min() - 2 < row.min() and row.max() < rims[:, 1].max() + 2


def test_locks_of_hair_face_the_camera_and_go_with_the_head(people):
    face = next(face for face in people if face.traits.style == "short")
    locks = grow_locks(face, face.traits)
    a, b, c = (locks.vertices[locks.triangles[:, corner]] for corner in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > -1e-9).mean() > 0.95
    assert np.allclose(np.linalg.norm(locks.strands, axis=1), 1)
    renderer = set_up(face, 48)
    n = len(face.vertices)
    raised, neutral = renderer.vertices(Expression({1: (1, 1), 2: (1, 1)})), renderer.vertices(Expression())
    assert (raised[n:] == neutral[n:]).all() and (raised[:n] != neutral[:n]).any()


def test_locks_leave_the_eyes_free(people):
    for face in people:
        if locks := grow_locks(face, face.traits):
            eyes = face.vertices[load_head().of_part("eye")]
            low, high = eyes.min(0), eyes.max(0)
            before = (locks.vertices > low).all(1) & (locks.vertices[:, :2] < high[:2]).all(1)
            assert before.mean() < 0.02


@pytest.mark.parametrize("world", ["synthme-1", "home", "other"])
def test_every_world_has_its_look(world):
    renderer = set_up(make_face(Person((2,), world=world)), 48)
    picture = renderer.render()
    assert picture.shape == (48, 48, 3) and picture.min() >= 0 and picture.max() <= 1
    assert np.array_equal(picture, renderer.render()) and set(LOOKS) >= {world}


def test_a_people_sheet_shows_everybody_at_rest_above_and_at_full_expression_below():
    sheet = people_sheet("home", people=3, size=48, columns=2)
    assert sheet.shape == (4 * 48, 2 * 48, 3) and sheet.dtype == np.uint8
    renderer = set_up(make_face(Person((1,), "choice", SYNTHME_2.glasses, SYNTHME_2.beards, "home")), 48)
    neutral = np.abs(sheet[:48, 48:].astype(int) - (renderer.render() * 255 + 0.5).astype(int))
    assert neutral.mean() < 3  # the sensor's noise
    assert np.abs(sheet[:48].astype(int) - sheet[48:96]).mean() > 0.5
    assert (sheet[96:, 48:] == 255).all()  # nobody is left for the last place
    assert np.array_equal(sheet, people_sheet("home", people=3, size=48, columns=2))


def test_walls_differ_and_are_out_of_focus(people):
    walls = [set_up(face, 48)._backdrop for face in people[:4]]
    assert all(np.abs(a - b).mean() > 0.01 for a, b in pairwise(walls))
    assert all(np.abs(np.diff(wall, axis=0)).max() < 0.06 for wall in walls)
