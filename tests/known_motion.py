"""A folder in SynthME's format that SynthME did not render: textures that a known smooth motion deforms."""

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from selfme_lib.grids import gaussian_blur, identity_grid, warp
from selfme_lib.runtime.files import write_json


def bump(size: int, x: float, y: float, dx: float, dy: float) -> Float[Tensor, "1 2 s s"]:
    """A motion that is (dx, dy) at a place (fractions of the size) and falls off around it."""
    place = identity_grid(size, size) - size * torch.tensor([x, y])[:, None, None]
    strength = torch.exp(-place.square().sum(0) / (2 * (size / 8) ** 2))
    return (torch.tensor([dx, dy])[:, None, None] * strength)[None]


def write_known_motion(root, *, subjects=2, clips=3, size=48):
    """Clips of SMIC's layout; the peak of the motion of clip c is (c + 1) / 2 px. Returns the root."""
    random = torch.Generator().manual_seed(5)
    write_json(root / "synthme.json", {"layout": "smic", "fps": 100})
    for subject in range(1, subjects + 1):
        for clip in range(1, clips + 1):
            texture = gaussian_blur(torch.rand(1, 3, size, size, generator=random), 1.0)
            onset = (0.5 + 3 * (texture - 0.5)).clamp(0, 1)
            action = bump(size, 0.3 + 0.1 * subject, 0.6, 0.0, clip / 2)
            head = torch.full_like(action, 0.1)
            flow = action + head
            folder = root / "HS" / f"s{subject}" / "micro" / "positive" / f"s{subject}_po_{clip:02d}"
            folder.mkdir(parents=True)
            for number, picture in enumerate((onset, warp(onset, flow), onset), start=7):
                pixels = (picture[0].permute(1, 2, 0).numpy()[..., ::-1] * 255).round().astype(np.uint8)
                cv2.imwrite(str(folder / f"reg_image{number:06d}.bmp"), pixels)
            path = root / "truth" / f"sub{subject:02d}" / f"{folder.name}.npz"
            path.parent.mkdir(parents=True, exist_ok=True)
            everywhere = np.ones((size, size), bool)
            np.savez(
                path,
                **{f"{part}_flow_{way}": (sign * motion)[0].numpy() for way, sign in (("backward", 1), ("forward", -1))
                   for part, motion in (("au", action), ("head", head))},
                **dict.fromkeys(("surface", "visible", "surface_onset", "visible_onset"), everywhere),
                au_names=np.array(["L12", "R12"]), au_intensity=np.zeros((3, 2), np.float32),
                pose=np.zeros((3, 5), np.float32), onset=7, apex=8, offset=9, first_frame=7,
                true_onset=7, true_apex=8, true_offset=9,
            )  # fmt: skip
    return root
