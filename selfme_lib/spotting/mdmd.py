r"""Main directional maximal difference, the baseline of MEGC 2020.

S.-J. Wang, S. Wu, X. Qian, J. Li and X. Fu. A Main Directional Maximal Difference Analysis for Spotting Facial Movements from
Long-term Videos. Neurocomputing 230, 2017; as a baseline by Y. He et al., FG 2020.

From the frame $k$ before to the one in the middle a face goes into an expression, and $k$ later it has come back. In each of
6 x 6 blocks, of the vectors of flow from head frame to current frame, those in the most frequent of four directions are kept;
the third of them whose length exceeds that of the flow from head to tail frame at the same pixel most give the difference,

$$d_b = \operatorname{mean}_{1/3}\left( \lVert \phi_{i-k \to i} \rVert - \lVert \phi_{i-k \to i+k} \rVert \right), \qquad
  \bar d_i = \operatorname{mean}_{1/3} d_b, \qquad r_i = \bar d_i - \tfrac12 (\bar d_{i-k+1} + \bar d_{i+k-1}).$$

The flow is any method's; the authors took RLOF. Head motion is not subtracted.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float

from selfme_lib.grids import Flow, Frames

from .appearance import contrasted, largest_third, name_of
from .curves import SIDE, Curves, Pixels, grey, measured, neighbourhoods, samples_of

BLOCKS = 6
REACHES = (0.15, 0.2, 0.3, 0.4, 0.8, 1.3)
"""$k$ in seconds; the baseline takes .4 for micro- and 1.3 for macro-expressions."""
_BATCH = 16  # samples at a time
_CELL = SIDE // BLOCKS

Motion = Callable[[Frames, Frames], Flow]


def main_direction(frames: Iterable[Pixels], fps: float, motion: Motion) -> Curves:
    """Curves of $r$ in pixels, by k.

    Args:
        frames: aligned faces.
        fps: frames a second.
        motion: (onset, apex) -> backward flow, such as one of `flow.CLASSICAL`.
    """
    reaches = [samples_of(reach, fps) for reach in REACHES]

    def measure(samples: Iterator[Pixels]) -> Float[np.ndarray, "t w"]:
        most = max(reaches)
        moments = (
            [around[place] for reach in reaches for place in (most - reach, most, most + reach)]
            for around in neighbourhoods((grey(pixels) for pixels in samples), most)
        )
        rows = []
        while batch := list(islice(moments, _BATCH)):
            head, current, tail = (_stacked(batch, part) for part in range(3))  # (b w, 3, s, s) each
            with torch.inference_mode():
                # both live on the head frame, as an "apex" of which they say where its pixels go
                there, back = (motion(other, head).cpu().numpy() for other in (current, tail))
            rows.append(largest_third(block_differences(there, back)).reshape(len(batch), len(reaches)))
        raw = np.concatenate(rows) if rows else np.zeros((0, len(reaches)))
        return np.column_stack([contrasted(curve, max(1, k - 1)) for curve, k in zip(raw.T, reaches)])

    return measured(frames, fps, [name_of(reach) for reach in REACHES], measure)


def block_differences(
    there: Float[np.ndarray, "n 2 h w"], back: Float[np.ndarray, "n 2 h w"]
) -> Float[np.ndarray, "n b"]:
    """$d_b$ of each block.

    Args:
        there: flow from head to current frame.
        back: flow from head to tail frame.
    """
    x, y = (_blocks(there[:, axis]) for axis in range(2))  # (n, b, m): the pixels of each block
    quadrant = 2 * (y < 0) + (x < 0)  # (n, b, m)
    sizes = np.stack([(quadrant == q).sum(-1) for q in range(4)], axis=-1)  # (n, b, 4)
    inside = quadrant == sizes.argmax(-1)[..., None]
    difference = _blocks(np.linalg.norm(there, axis=1) - np.linalg.norm(back, axis=1))
    ranked = -np.sort(np.where(inside, -difference, np.inf), axis=-1)  # from the largest on; what is outside comes last
    third = np.maximum(1, np.round(sizes.max(-1) / 3)).astype(int)  # (n, b)
    counted = np.arange(ranked.shape[-1]) < third[..., None]
    return np.where(counted, ranked, 0).sum(-1) / third


def _stacked(batch: list[list[np.ndarray]], part: int) -> Frames:
    chosen = np.stack([picture for moments in batch for picture in moments[part::3]])
    return (torch.from_numpy(chosen).float() / 255)[:, None].expand(-1, 3, -1, -1)


def _blocks(field: Float[np.ndarray, "n h w"]) -> Float[np.ndarray, "n b m"]:
    side = BLOCKS * _CELL
    cells = field[:, :side, :side].reshape(len(field), BLOCKS, _CELL, BLOCKS, _CELL)
    return cells.transpose(0, 1, 3, 2, 4).reshape(len(field), BLOCKS**2, _CELL**2)
