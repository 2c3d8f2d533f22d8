"""The explorer's own clips, `selfme_lib/widgets/samples.json.gz`: choice people of SynthME-2, whom no chapter evaluates.

    python tools/explorer_samples.py

Needed again only when what a clip holds changes.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from tqdm import tqdm

from selfme_lib.grids import resize_flow
from selfme_lib.motion.checkpoint import PLUS, load_estimator
from selfme_lib.runtime.device import one_thread
from selfme_lib.synthme.difficulty import SYNTHME_2
from selfme_lib.synthme.ground_truth import exact_flow
from selfme_lib.synthme.identity import Person
from selfme_lib.synthme.plan import SynthConfig
from selfme_lib.synthme.render import Renderer
from selfme_lib.synthme.studio import film, renderer_of
from selfme_lib.synthme.timeline import UNITS, Script, write_script
from selfme_lib.widgets.moving import Take, follow, pack
from selfme_lib.widgets.samples import SAMPLES, write_samples

SIZE = 192
LATTICE = 64  # of the true motion
QUIET = replace(
    SYNTHME_2, registration=0.0, distractor_rate=0.0, blink_rate=0.0, head_turn=0.001, head_shift=0.1, label_jitter=0.0
)  # people who sit still: what is amplified is to be the expression
CLIPS = {
    "A smile": (24, "happiness", (2.0, 2.0), 0.0),
    "Raised brows": (15, "surprise", (1.5, 1.5), 0.0),
    "A frown": (10, "disgust", (1.5, 1.5), 0.0),
    "A smile, and a blink": (14, "happiness", (1.5, 1.5), 1.0),
}  # name → person, emotion, size of the movement, chance of a blink


def scene(number: int, emotion: str, peak: tuple[float, float], blink: float) -> tuple[Renderer, Script]:
    """Who is filmed, and doing what. Arguments as in `CLIPS`."""
    person = Person((number,), "choice", SYNTHME_2.glasses, SYNTHME_2.beards, "home")
    renderer = renderer_of(person, SIZE)
    difficulty = replace(QUIET, peak=peak, blink_rate=blink, blink_depth=(0.9, 1.0))
    return renderer, write_script(renderer.identity, emotion, difficulty, (number, 5))


def take(renderer: Renderer, script: Script) -> Take:
    """The whole clip, with the true motion from its onset to each frame."""
    frames = np.stack([frame for _, frame in film(renderer, script)])
    state = cache(script.state)
    flows = [exact_flow(renderer, state(place), state(script.onset)) for place in range(len(script))]
    truth = torch.stack([torch.from_numpy(flow.total) for flow in flows])
    lids = script.intensity[:, UNITS.index(45)].max(1)
    return Take(
        frames=frames,
        onset=script.onset,
        apex=script.apex,
        offset=script.offset,
        about=f"{script.emotion}, AU {script.action_units}",
        rate=float(SynthConfig.fps),
        blinks=tuple(np.flatnonzero(lids > 0.25).tolist()),
        truth=resize_flow(truth, (LATTICE, LATTICE)),
    )


@one_thread()  # so that anywhere the same bytes come out
def main() -> None:
    estimator = load_estimator(PLUS)
    clips = {name: follow(take(*scene(*how)), estimator) for name, how in tqdm(CLIPS.items(), unit="clip")}
    write_samples({name: pack(clip) for name, clip in clips.items()})
    print(SAMPLES, f"{SAMPLES.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
