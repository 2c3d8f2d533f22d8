r"""The explorer of the symmetric contrastive loss (Eq 12-14): with what does one region of one face compare itself?

An anchor, region $\alpha$ of clip $i$, meets region $\beta$ of every clip of the batch. The softmax of the cosines over
$\tau$ divides one unit of attention among them; the loss is minus the mean logarithm of the shares that clips of its own
class get. A small $\tau$ listens to the nearest alone, a large one to all alike.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from selfme_lib.classifier.symmetry import contrast, symmetric_contrastive_loss
from selfme_lib.data import THREE_CLASSES
from selfme_lib.grids import resize_flow
from selfme_lib.plots.montage import Picture, enlarge, rgb
from selfme_lib.plots.results import REGION_COLOURS, REGIONS
from selfme_lib.plots.style import CLASS_COLOURS, common_scale, flow_to_rgb
from selfme_lib.runtime.errors import UsageError

from .canvas import SIDE, bars
from .controls import Choice, Slider
from .panels import Panel, PanelExplorer

ACROSS = (1, 0, 3, 2)  # the region across the face from UL, UR, BL, BR
SHOWN = 14  # candidates with a bar


class ContrastExplorer(PanelExplorer):
    """An anchor, its region and that of the others, the temperature, the denominator.

    Args:
        motion: of the clips of a batch, to be shown.
        labels: their classes.
        regions: their regional embeddings, from `classifier.symmetry.region_embeddings`.
        classes: what the labels mean.

    Attributes:
        anchor: number of the clip in the batch.
        region: α, one of UL, UR, BL, BR.
        partner: β: `the same region`, or the one `across the face`.
        tau: the temperature.
        denominator: `pair` compares with β of every clip (Eq 14), `all` with all regions of all clips.

    Raises:
        UsageError: fewer than two clips.
    """

    def __init__(
        self,
        motion: Float[Tensor, "n 2 h w"],
        labels: Int[Tensor, "n"],
        regions: Float[Tensor, "n 4 d"],
        classes: Sequence[str] = THREE_CLASSES,
    ):
        if len(motion) < 2:
            raise UsageError(f"explore_contrast: expected at least two clips to compare, got {len(motion)}")
        self._motion, self._labels, self._regions = motion, labels, regions.detach()
        self._scale = common_scale(resize_flow(motion, (SIDE, SIDE)))
        self._coloured = lru_cache(maxsize=32)(self._colour)
        self._unit = F.normalize(self._regions.float(), dim=-1)
        self._names = [classes[label] for label in labels.tolist()]
        self.anchor = Choice("clip i", [(f"{place + 1}: {name}", place) for place, name in enumerate(self._names)])
        self.region = Choice("region α", REGIONS, kind="buttons")
        self.partner = Choice("region β", ("across the face", "the same region"), kind="buttons")
        self.tau = Slider("τ", 0.07, -2, 0.5, step=0.02, digits=3, logarithmic=True)
        self.denominator = Choice("denominator", ("pair", "all"), kind="buttons")
        rows = [self.anchor, self.tau], [self.region, self.partner], [self.denominator]
        super().__init__(*rows, title="What a region compares itself with")

    def candidates(self) -> tuple[Float[Tensor, "m"], Bool[Tensor, "m"], Bool[Tensor, "m"]]:
        """Of each candidate: its cosine with the anchor, whether it is a positive, and whether it counts at all.

        Candidates are the clips of the batch (`pair`), or all their regions, clip by clip (`all`).
        """
        i, alpha = self.anchor.value, REGIONS.index(self.region.value)
        counts = torch.ones(len(self._unit), 4, dtype=torch.bool)
        counts[i, alpha] = False
        same_class, same_half = self._labels == self._labels[i], torch.arange(4) // 2 == alpha // 2
        positive = same_class[:, None] & same_half & counts
        cosine = self._unit @ self._unit[i, alpha]  # (n, 4)
        regions = [self.beta()] if self.denominator.value == "pair" else [0, 1, 2, 3]
        return cosine[:, regions].flatten(), positive[:, regions].flatten(), counts[:, regions].flatten()

    def beta(self) -> int:
        """The region that the anchor's is compared with."""
        alpha = REGIONS.index(self.region.value)
        return alpha if self.partner.value == "the same region" else ACROSS[alpha]

    def loss(self) -> float:
        """Of this anchor (for `pair`: with this β); zero if there is no other clip of its class."""
        cosine, positive, counts = self.candidates()
        return float(contrast((cosine / self.tau.value)[None], positive=positive[None], candidate=counts[None]))

    def render(self) -> tuple[list[list[Panel]], str]:
        i, alpha, tau = self.anchor.value, REGIONS.index(self.region.value), self.tau.value
        cosine, positive, counts = self.candidates()
        share = (cosine / tau).masked_fill(~counts, -torch.inf).softmax(0)
        order = share.argsort(descending=True)[: min(SHOWN, int(counts.sum()))].tolist()
        pair = self.denominator.value == "pair"
        clips = [(place, self.beta()) if pair else divmod(place, 4) for place in order]
        shades = [CLASS_COLOURS[self._names[clip]] for clip, _ in clips]
        labels = [
            f"{'+' if positive[place] else '−'} {clip + 1} {self._names[clip][:3]} {REGIONS[region]}"
            for place, (clip, region) in zip(order, clips)
        ]
        nearest, region = clips[0]
        pictures = [
            self._face(i, alpha),
            bars(share[order].tolist(), shades, labels, width=SIDE, height=SIDE),
            self._face(nearest, region),
        ]
        titles = [
            f"anchor: clip {i + 1}, {REGIONS[alpha]}",
            "share of each (+ same class)",
            f"largest share: clip {nearest + 1}",
        ]
        whole = symmetric_contrastive_loss(self._regions, self._labels, tau=tau, denominator=self.denominator.value)
        return [list(zip(titles, pictures))], (
            f"loss of this anchor {self.loss():.2f} · of the batch, all anchors and pairs {whole:.2f} · "
            f"positives get {share[positive].sum():.2f} of the attention, with {int(positive.sum())} of "
            f"{int(counts.sum())} candidates"
        )

    def _colour(self, clip: int) -> Picture:
        motion = resize_flow(self._motion[clip][None], (SIDE, SIDE))[0]
        return enlarge(flow_to_rgb(-motion, self._scale), 1)

    def _face(self, clip: int, region: int) -> Picture:
        """A motion with its four regions; one of them stands out."""
        picture = self._coloured(clip).copy()
        half = SIDE // 2
        for number, colour in enumerate(REGION_COLOURS):
            top, left = (half * part for part in divmod(number, 2))
            thick = 6 if number == region else 1
            frame = picture[top + 2 : top + half - 2, left + 2 : left + half - 2]
            inside = frame[thick:-thick, thick:-thick].copy()
            frame[:] = rgb(colour)
            frame[thick:-thick, thick:-thick] = inside
        return picture
