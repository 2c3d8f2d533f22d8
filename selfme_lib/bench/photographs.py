r"""Two photographs moved by the known motions of SynthME's people: real skin, hair and teeth with an exact truth.

Both are works of the U.S. government, in the public domain, and come with packages that the method needs anyway:

    Eileen Collins  `skimage.data.astronaut()`, NASA
    Grace Hopper    matplotlib's sample `grace_hopper.jpg`, U.S. Navy, James S. Davis

A photograph lies in the frame as the face that lends its motion: a similarity $M$ brings eyes and corners of the mouth there.
Brows, lips, chin and cheeks differ, so a thin-plate spline $S$ through `PAIRED` and `MIDDLE` says which point of the rendered
face each pixel belongs to, and moves like,

$$f(u) = f_{\text{face}}(S(u)) + h(u), \qquad
\text{onset}(u) = I(M u), \quad \text{apex}(u) = I(M(u + f(u))),$$

with $f_{\text{face}}$ smoothed over a fiftieth of the frame (a warp cannot part lips or hide an eye) and faded out beyond the
face, and $h$ the head's motion as a similarity of the whole frame, as an error of registration moves it. So
apex(u) = onset(u + f(u)) holds by construction, everywhere. $I$ is the photograph under Lanczos' kernel on a lattice four
times as fine, averaged down; onset and apex are then exposed each on its own: gain, a gradient of the light, noise, JPEG.

What it cannot show: pixels that appear or vanish, and light that changes where skin turns. Glasses move with the skin.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import matplotlib.cbook
import numpy as np
import skimage.data
from jaxtyping import Float
from scipy.interpolate import RBFInterpolator

from selfme_lib.data.alignment import fit_similarity
from selfme_lib.runtime.errors import DataError
from selfme_lib.synthme import Identity, Pose, SynthConfig
from selfme_lib.synthme.head import load_head
from selfme_lib.synthme.identity import make_face
from selfme_lib.synthme.onset_apex import OnsetApex
from selfme_lib.synthme.plan import plan_clips
from selfme_lib.synthme.sensor import expose, through_jpeg
from selfme_lib.synthme.timeline import Script

FINER = 4
SMOOTHING = 0.02  # standard deviation, as a share of the frame
STEEPEST = (
    0.45  # smallest Jacobian determinant of the face's motion; what squeezes more, such as a blink, is made weaker
)
GRADIENT = 0.02  # standard deviation of how the light changes from the middle of the frame to its edge
JITTER = (
    0.03,
    0.02,
    0.01,
)  # standard deviations of the logarithm of size, of the angle, and of the place (share of the frame)
STREAM = 41

PAIRED = ("eye", "corner of the mouth", "brow, inner end", "brow", "brow, outer end", "jaw", "temple")
MIDDLE = ("between the lips", "nose", "chin")
ON_HEAD = (
    (0.19, 6.61),
    (0.12, 7.50),
    (0.27, 7.53),
    (0.42, 7.46),
    (0, 6.61),
    (0, 6.12),
)  # x and height on the base mesh


@dataclass(frozen=True)
class Photograph:
    """Pixels (h, w, 3), RGB in [0, 1], and `PAIRED` on the left, then on the right as seen, then `MIDDLE`: (17, 2), x first."""

    pixels: Float[np.ndarray, "h w 3"]
    points: Float[np.ndarray, "17 2"]

    def mirrored(self) -> "Photograph":
        """The same with left and right exchanged."""
        n = len(PAIRED)
        order = [*range(n, 2 * n), *range(n), *range(2 * n, len(self.points))]
        flipped = self.points[order] * [-1, 1] + [self.pixels.shape[1] - 1, 0]
        return Photograph(np.ascontiguousarray(self.pixels[:, ::-1]), flipped)


@lru_cache(maxsize=1)
def photographs() -> tuple[Photograph, ...]:
    """Collins and Hopper, with their points marked by hand.

    Raises:
        DataError: an installed package came without its picture.
    """
    path = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    hopper = cv2.imread(str(path))
    if hopper is None or hopper.shape != (600, 512, 3):
        raise DataError(f"{path}: missing, or another picture than matplotlib ships; reinstall matplotlib")
    collins = skimage.data.astronaut()
    left = [(203.1, 101.2), (203.1, 139.8), (212.5, 92.5), (200, 88.3), (191.3, 90.5), (183, 140), (181, 100)]
    right = [(246.3, 103.4), (246.3, 139.8), (238.8, 93.5), (250, 91.7), (262.5, 95.2), (267, 140), (269.5, 102.5)]
    of_collins = [*left, *right, (223.1, 146.5), (223.8, 126.3), (223.8, 178)]
    left = [(220.8, 189.5), (230, 281.3), (240, 166), (217.5, 161), (193.8, 166), (203.8, 282.5), (185, 190)]
    right = [(305, 187), (308, 279.5), (287.5, 166), (310, 157.5), (340, 165), (332.5, 282.5), (356, 187)]
    of_hopper = [*left, *right, (268.8, 280), (268.8, 238.8), (270, 332.5)]
    pictures = ((collins, of_collins), (hopper[..., ::-1], of_hopper))
    return tuple(Photograph(pixels.astype(np.float32) / 255, np.array(points)) for pixels, points in pictures)


def lenders(config: SynthConfig) -> SynthConfig:
    """The people whose motion is lent: those of a configuration without glasses and beards, which would stand still or move
    otherwise than skin."""
    return replace(config, difficulty=replace(config.difficulty, glasses=0.0, beards=0.0))


def move_photographs(lent: OnsetApex, config: SynthConfig) -> OnsetApex:
    """The clips with photographs for people. Each person moves one of the two, every other pair of people its mirror image.

    Args:
        lent: the clips of `lenders(config)`.
        config: with which they were rendered.

    Returns:
        The same table; frames, motion and masks are those of the photographs.
    """
    people = list(dict.fromkeys(clip.person for clip in plan_clips(config)))
    made = []
    for row, clip in enumerate(plan_clips(config)):
        number = people.index(clip.person)
        photograph = photographs()[number % 2]
        if number // 2 % 2:
            photograph = photograph.mirrored()
        flows, seen = (lent.au_flow_backward[row], lent.head_flow_backward[row]), lent.surface[row] & lent.visible[row]
        pose = clip.script.poses[clip.script.apex]
        made.append(_moved(photograph, make_face(clip.person), pose, *flows, seen, clip.script))
    onset, apex, action, head = (np.stack(part) for part in zip(*made))
    everywhere = np.ones_like(lent.surface)
    return OnsetApex(lent.table, onset, apex, action, head, everywhere, everywhere)


def _moved(
    photograph: Photograph,
    identity: Identity,
    pose: Pose,
    action: np.ndarray,
    head: np.ndarray,
    seen: np.ndarray,
    script: Script,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Onset, apex, the face's part of the motion and the head's."""
    size = len(seen)
    generator = np.random.default_rng((STREAM, *script.seed))
    face_points = points_of(identity, pose, size)
    to_photograph = _placed(generator, photograph, face_points, size)
    inverse = cv2.invertAffineTransform(to_photograph)
    in_frame = photograph.points @ inverse[:, :2].T + inverse[:, 2]
    face = _carried(_smoothed(action.astype(np.float32), seen), in_frame, face_points)
    rigid = _similarity_of(head.astype(np.float32), seen)
    face, rigid = face.astype(np.float16), rigid.astype(np.float16)
    flow = face.astype(np.float32) + rigid
    exposed = []
    for motion, gain in ((None, script.gain[script.onset]), (flow, script.gain[script.apex])):
        picture = _resampled(photograph.pixels, to_photograph, motion, size)
        exposed.append(_exposed(picture, generator, float(gain), script))
    return exposed[0], exposed[1], face, rigid


def points_of(identity: Identity, pose: Pose, size: int) -> Float[np.ndarray, "17 2"]:
    """The points of `Photograph` on a rendered neutral face, in pixels of its frame."""
    return identity.camera(size).project(identity.vertices, pose)[0][_vertices()]


@lru_cache(maxsize=1)
def _vertices() -> np.ndarray:
    """Numbers of the vertices that lie where the points are, on the base mesh."""
    head = load_head()
    skin = np.flatnonzero((head.vertex_part == 0) & (head.openness > 0.3) & (head.vertices[:, 2] > 0))
    x, y, _ = head.vertices[skin].T

    def at(place: tuple[float, float], side: int) -> int:
        return int(skin[np.argmin((x - side * place[0]) ** 2 + (y - place[1]) ** 2)])

    def outermost(height: float, side: int) -> int:
        return int(skin[np.argmax(side * x - 20 * np.abs(y - height))])

    sides = []
    for side, (ball, _) in zip((-1, 1), head.eyes[::-1]):  # the subject's right eye is on the picture's left
        pupil = int(ball[np.argmax(head.vertices[ball, 2])])
        sides += [pupil, *(at(place, side) for place in ON_HEAD[:4]), outermost(6.6, side), outermost(7.25, side)]
    nose = int(skin[np.argmax(head.vertices[skin, 2])])
    return np.array([*sides, at(ON_HEAD[4], 1), nose, at(ON_HEAD[5], 1)])


def _placed(generator: np.random.Generator, photograph: Photograph, face_points: np.ndarray, size: int) -> np.ndarray:
    """From pixels of the frame to those of the photograph, with a little jitter: (2, 3)."""
    four = [0, 1, len(PAIRED), len(PAIRED) + 1]
    growth, angle = generator.normal(0, JITTER[:2])
    turned = np.exp(growth) * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (size - 1) / 2
    jittered = (face_points[four] - middle) @ turned.T + middle + generator.normal(0, JITTER[2] * size, 2)
    return fit_similarity(jittered, photograph.points[four])


def _smoothed(flow: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """A flow (2, h, w) averaged over a neighbourhood of pixels that are `seen`, and faded out beyond them."""
    sigma = SMOOTHING * len(seen)
    weight = seen.astype(np.float32)
    total = cv2.GaussianBlur(weight, (0, 0), sigma)
    mean = np.stack([cv2.GaussianBlur(part * weight, (0, 0), sigma) for part in flow]) / np.maximum(total, 1e-3)
    fade = np.clip((cv2.GaussianBlur(weight, (0, 0), 2 * sigma) - 0.25) / 0.5, 0, 1)
    return mean * (fade * fade * (3 - 2 * fade))


def _carried(flow: np.ndarray, here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """A flow (2, h, w) of the rendered face on the lattice of the photograph's frame; `here` and `there` are the points in either
    frame, (17, 2)."""
    size = flow.shape[-1]
    row, column = np.mgrid[0:size, 0:size].astype(np.float32)
    lattice = np.stack([column.ravel(), row.ravel()], axis=1)
    spline = RBFInterpolator(here, there, kernel="thin_plate_spline", smoothing=1e-3 * size)
    x, y = spline(lattice).T.reshape(2, size, size).astype(np.float32)
    carried = np.stack([cv2.remap(part, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT) for part in flow])
    (a, b), (c, d) = (np.gradient(part)[::-1] for part in carried)
    for strength in np.linspace(1, 0, 21):
        if ((1 + strength * a) * (1 + strength * d) - strength**2 * b * c).min() >= STEEPEST:
            break
    return np.float32(strength) * carried


def _similarity_of(flow: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The similarity of the whole frame that is closest to a flow (2, h, w) where it is `seen`."""
    size = len(seen)
    row, column = np.mgrid[0:size, 0:size]
    lattice = np.stack([column, row], axis=-1).astype(float)
    matrix = fit_similarity(lattice[seen], lattice[seen] + flow[:, seen].T)
    return (lattice @ matrix[:, :2].T + matrix[:, 2] - lattice).transpose(2, 0, 1)


def _resampled(pixels: np.ndarray, to_photograph: np.ndarray, flow: np.ndarray | None, size: int) -> np.ndarray:
    """The photograph in the frame, each point fetched from where the flow says: (size, size, 3)."""
    place = (np.arange(FINER * size, dtype=np.float32) + 0.5) / FINER - 0.5
    x, y = np.meshgrid(place, place)
    if flow is not None:
        u, v = (cv2.resize(part, x.shape, interpolation=cv2.INTER_CUBIC) for part in flow)
        x, y = x + u, y + v
    (a, b, c), (d, e, f) = to_photograph.astype(np.float32)
    fine = cv2.remap(pixels, a * x + b * y + c, d * x + e * y + f, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA), 0, 1)


def _exposed(picture: np.ndarray, generator: np.random.Generator, gain: float, script: Script) -> np.ndarray:
    """One exposure: light that changed since the last, noise and JPEG, as much as the clip's own frames have."""
    ramp = np.linspace(-1, 1, len(picture), dtype=np.float32)
    across, down = generator.normal(0, GRADIENT / 2, 2).astype(np.float32)
    light = np.float32(gain) * (1 + across * ramp[None, :, None] + down * ramp[:, None, None])
    lit = np.clip(picture * light ** np.float32(1 / 1.8), 0, 1)
    return through_jpeg(expose(lit, generator, noise=script.noise), script.jpeg_quality)
