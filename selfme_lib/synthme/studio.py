"""Put people before the camera: contact sheets of them, and scripted clips, filmed by several processes."""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from itertools import groupby

import cv2
import numpy as np
from tqdm import tqdm

from selfme_lib.runtime.processes import in_parallel

from . import other_camera
from .action_units import ActionUnits
from .difficulty import SYNTHME_2, Difficulty
from .identity import Identity, Person, Population, World, admit, make_face
from .looks import ENCODING_GAMMA, LOOKS
from .plan import PlannedClip
from .render import SUPERSAMPLING, Expression, Renderer
from .sensor import expose
from .timeline import Script, Timeline

CHUNK = 6  # clips of one person per task: people are painted rarely, and the progress bar still moves
ClipWriter = Callable[[Renderer, PlannedClip], None]
# expressions at full strength, for contact sheets: happiness, surprise, disgust, sadness
STRONG: tuple[ActionUnits, ...] = (
    {6: (0.8, 0.8), 12: (1.0, 1.0)},
    {1: (0.9, 0.9), 2: (1.0, 1.0), 5: (0.5, 0.5), 25: (0.4, 0.4), 26: (0.4, 0.4)},
    {4: (0.8, 0.8), 9: (0.8, 0.8), 10: (0.5, 0.5)},
    {1: (0.5, 0.5), 15: (0.8, 0.8), 17: (0.7, 0.7)},
)


def set_up(identity: Identity, size: int) -> Renderer:
    """A renderer with the light and the wall that belong to the person (takes 1 s)."""
    generator = np.random.default_rng((*identity.key, 2))
    look = LOOKS[identity.world]
    light = look.light(generator)
    backdrop = look.wall(generator, size * SUPERSAMPLING, light)
    return Renderer(identity, size=size, light=light, backdrop=backdrop)


@lru_cache(maxsize=4)
def renderer_of(person: Person, size: int) -> Renderer:
    """`set_up` for a person who was admitted; the last few renderers are kept."""
    return set_up(make_face(person), size)


def people_sheet(
    world: World,
    *,
    people: int = 24,
    size: int = 128,
    columns: int = 8,
    population: Population = "choice",
    difficulty: Difficulty = SYNTHME_2,
) -> np.ndarray:
    """People of a world, each at rest and below it at full expression, as the sensor records them: uint8 (h, w, 3) RGB.

    Raises:
        UsageError: the population is `fresh`, outside `final_tables`.
    """
    admit(population)
    rows = -(-people // columns)
    sheet = np.full((rows, 2, size, columns, size, 3), 255, np.uint8)
    for number in range(people):
        person = Person((number,), population, difficulty.glasses, difficulty.beards, world)
        renderer, generator = set_up(make_face(person), size), np.random.default_rng(number)
        for below, units in enumerate(({}, STRONG[number % len(STRONG)])):
            picture = renderer.render(Expression(action_units=units))
            sheet[number // columns, below, :, number % columns] = _exposed(
                world, picture, generator, renderer.identity.key, below, difficulty.noise
            )
    return sheet.reshape(rows * 2 * size, columns * size, 3)


def film(renderer: Renderer, script: Script, wanted: Collection[int] | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """Frames of a clip as the sensor records them, in order: index and uint8 (size, size, 3) RGB.

    Only frames whose index is `wanted` are rendered, all by default; their pixels do not depend on which others are.
    """
    generator = np.random.default_rng(script.seed)
    picture_of = photographer(renderer, script)
    for frame in range(len(script)):
        if wanted is None or frame in wanted:
            yield frame, record(renderer, script, frame, picture_of(frame), generator)
        else:
            generator.standard_normal((renderer.size, renderer.size, 3), dtype=np.float32)  # the noise of this frame


def record(
    renderer: Renderer, timeline: Timeline, frame: int, picture: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """A picture as the camera of the person's world records it: uint8 (size, size, 3) RGB."""
    return _exposed(renderer.identity.world, picture, generator, timeline.seed, frame, timeline.noise)


def _exposed(
    world: World, picture: np.ndarray, generator: np.random.Generator, seed: tuple[int, ...], frame: int, noise: float
) -> np.ndarray:
    if world == "other":
        return other_camera.expose(picture, seed, frame, gamma=ENCODING_GAMMA, noise=noise)
    return expose(picture, generator, noise=noise)


def photographer(renderer: Renderer, timeline: Timeline) -> Callable[[int], np.ndarray]:
    """Renders a frame, without the sensor's noise; quickest for one frame after the other."""
    # a frame, its neighbours, and the next one's
    posed = lru_cache(maxsize=4)(lambda frame: renderer.posed(*timeline.state(frame)))

    def picture_of(frame: int) -> np.ndarray:
        path = None
        if timeline.exposure:
            before, after = max(frame - 1, 0), min(frame + 1, len(timeline) - 1)
            path = (posed(after).points - posed(before).points) * (timeline.exposure / max(after - before, 1))
        return renderer.render_posed(posed(frame), timeline.shot(frame), path)

    return picture_of


def film_clips(
    write: ClipWriter, clips: Sequence[PlannedClip], size: int, workers: int | None, *, title: str, total: int
) -> None:
    """Call `write(renderer, clip)`, which must be picklable, for each clip in `workers` processes, by default one per core.

    The `clips` are what is missing of the `total` that the progress bar counts.
    """
    jobs = []
    for _, of_one_person in groupby(clips, key=lambda clip: clip.person):
        some = list(of_one_person)
        jobs += [(write, some[start : start + CHUNK], size) for start in range(0, len(some), CHUNK)]
    with tqdm(total=total, initial=total - len(clips), desc=title, unit="clip", disable=None) as bar:
        for done in in_parallel(_film_some, jobs, workers):
            bar.update(done)


def _film_some(write: ClipWriter, clips: Sequence[PlannedClip], size: int) -> int:
    cv2.setNumThreads(1)
    for clip in clips:
        write(renderer_of(clip.person, size), clip)
    return len(clips)
