"""The explorer's own clips, `selfme_lib/widgets/samples.json.gz`: rendered people whom no chapter evaluates.

    python tools/explorer_samples.py

Takes some minutes; needed again only when what a clip holds changes.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from tqdm import tqdm

from selfme_lib.grids import resize_flow
from selfme_lib.motion.checkpoint import PLUS, load_estimator
from selfme_lib.synthme.difficulty import SYNTHME_2
from selfme_lib.synthme.ground_truth import exact_flow
from selfme_lib.synthme.identity import Person
from selfme_lib.synthme.studio import film, renderer_of
from selfme_lib.synthme.timeline import UNITS, write_script
from selfme_lib.widgets.moving import MovingClip, Take, follow, pack
from selfme_lib.widgets.samples import SAMPLES, write_samples

SIZE = 192
LATTICE = 64  # of the true motion
QUIET = replace(
    SYNTHME_2, registration=0.0, distractor_rate=0.0, blink_rate=0.0, head_turn=0.001, head_shift=0.1, label_jitter=0.0
)  # people who sit still: what is amplified is to be the expression
CLIPS = {
    "A smile": (3, "happiness", (2.0, 2.0), 0.0),
    "Raised brows": (11, "surprise", (1.5, 1.5), 0.0),
    "A frown": (8, "disgust", (1.5, 1.5), 0.0),
    "A smile, and a blink": (14, "happiness", (1.5, 1.5), 1.0),
}  # name → person, emotion, size of the movement, chance of a blink


def take(number: int, emotion: str, peak: tuple[float, float], blink: float, estimator) -> MovingClip:
    person = Person((number,), "choice")
    renderer = renderer_of(person, SIZE)
    difficulty = replace(QUIET, peak=peak, blink_rate=blink, blink_depth=(0.9, 1.0))
    script = write_script(renderer.identity, emotion, difficulty, (number, 5))
    frames = np.stack([frame for _, frame in film(renderer, script)])
    state = cache(script.state)
    flows = [exact_flow(renderer, state(place), state(script.onset)) for place in range(len(script))]
    truth = torch.stack([torch.from_numpy(flow.action_unit + flow.head) for flow in flows])
    lids = script.intensity[:, UNITS.index(45)].max(1)
    taken = Take(
        frames=frames,
        onset=script.onset,
        apex=script.apex,
        offset=script.offset,
        about=f"{emotion}, AU {script.action_units}",
        rate=200.0,
        blinks=tuple(np.flatnonzero(lids > 0.25).tolist()),
        truth=resize_flow(truth, (LATTICE, LATTICE)),
    )
    return follow(taken, estimator)


def main() -> None:
    estimator = load_estimator(PLUS)
    clips = {name: take(*how, estimator) for name, how in tqdm(CLIPS.items(), unit="clip")}
    write_samples({name: pack(clip) for name, clip in clips.items()})
    print(SAMPLES, f"{SAMPLES.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
