r"""SCViT, from a motion to an expression (paper §3.3, Eq 10, 11 and 15), and its settings.

The motion is cut into $N$ patches, each flattened and projected to $D$ numbers, $\Phi_d^i = \Phi_p^i E$ (Eq 10, 11). A class
token is prepended, position embeddings are added, and a transformer encoder follows. The encoded class token goes through a
layer norm and an MLP with one hidden layer, $\hat y = MLP(LN(z_{cls}))$ (Eq 15).

Every patch goes through the same projection, so a class token has to learn from products of content and position where on the
face something moves, which takes it tens of thousands of motions. `pool="all"` reads every token in its place instead, through
one linear map, $\hat y = MLP(R\,[z_1; \dots; z_N])$, as a linear model on cells does; ours, not the paper's.

The encoder is timm's: any `VisionTransformer` of its own will do, and every step between patches and class token is its own code.

Motions are `b 2 h w`, x first, in pixels of their own lattice.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from selfme_lib.grids import optical_strain
from selfme_lib.runtime.settings import STRICT

if TYPE_CHECKING:
    from timm.models.vision_transformer import VisionTransformer

VIT_SMALL = {"patch_size": 16, "depth": 12, "width": 384, "heads": 6}  # ViT-S/16, the paper's


Init = Literal["random", "motion", "units", "imagenet"]
Trained = Literal["all", "last", "head", "linear"]


@dataclass(frozen=True, config=STRICT)
class ClassifierConfig:
    r"""The classifier and its training. The defaults are the paper's, except `init`.

    Attributes:
        image_size: side of the square motion in px.
        patch_size: side of a patch in px; quadrants need an even number of patches a side.
        channels: 2 for (u, v), 3 for (u, v, optical strain).
        depth, width, heads: of the encoder.
        init: weights to start from: `random`; those of `pretraining`, by `motion` (masked, no labels) or by `units` (action
            units); or `imagenet` (ViT-S/16 only).
        trained: `all` weights; the `last` block and what follows it; the `head` alone; or a `linear` model instead of
            the head. For the last two see `frozen`.
        pool: what the head reads: the `class` token, as in the paper, or `all` patch tokens, each in its place.
        epochs, batch_size: fixed; the last epoch counts.
        lr: the initial learning rate, or the peak of the one-cycle schedule.
        schedule: `exponential` multiplies `lr` by `lr_decay` after each epoch; `one-cycle` rises and falls once.
        lr_decay: see `schedule`.
        weight_decay: decoupled (AdamW); 0 is Adam.
        omega: $\omega$, weight of the symmetric contrastive loss; 0 is the plain ViT.
        tau: $\tau$, its temperature.
        denominator: one `pair` of regions at a time as in Eq 14, or `all` regions together.
        contrast_on: `patches` before the encoder, as the paper writes, or the output of the `encoder`.
        mirror: extension: the loss sees the right half of the motion flipped, with dx negated.
        input_scale: a fixed factor on every motion. Scaling each sample by its own size would cancel $\gamma$.
        flip: augmentation: mirror half of the faces, which negates dx.
        shift: augmentation: shift the motion by up to this many px.
        zoom: augmentation: enlarge or shrink it by up to this fraction.
        balanced: draw an epoch's samples with replacement, each class equally often; otherwise each sample once.
        precision: `bf16` runs the network in bfloat16 where the hardware supports it (the losses stay in float32).
        compile: fuse network and losses with `torch.compile`. Steps become shorter, but every process spends up to half a minute
            compiling each setting of the losses, so only long trainings gain.
    """

    image_size: Annotated[int, Field(ge=2, le=4096, description="memory grows with its fourth power")] = 224
    patch_size: Annotated[int, Field(ge=1, le=512, description="a side of the image holds two patches or more")] = 16
    channels: Literal[2, 3] = 2
    depth: Annotated[int, Field(ge=1, le=64, description="blocks, all in memory")] = 12
    width: Annotated[int, Field(ge=1, le=4096, description="weights grow with its square")] = 384
    heads: Annotated[int, Field(ge=1, le=64, description="they share the width")] = 6
    init: Init = "random"
    trained: Trained = "all"
    pool: Literal["class", "all"] = "class"
    epochs: Annotated[int, Field(ge=1, le=100_000, description="more take days")] = 60
    batch_size: Annotated[int, Field(ge=1, le=100_000, description="samples that are in memory at once")] = 32
    lr: Annotated[float, Field(gt=0, le=10, description="0 learns nothing, a larger step of Adam diverges")] = 1e-4
    schedule: Literal["exponential", "one-cycle"] = "exponential"
    lr_decay: Annotated[float, Field(ge=0, le=1, description="a rate that grows or changes its sign diverges")] = 0.9
    weight_decay: Annotated[float, Field(ge=0, le=10, description="a negative one lets weights explode")] = 0.0
    omega: Annotated[float, Field(ge=0, le=1000, description="a weight of the loss")] = 0.1
    tau: Annotated[float, Field(gt=0, le=1000, description="the loss divides by it")] = 0.07
    denominator: Literal["pair", "all"] = "pair"
    contrast_on: Literal["patches", "encoder"] = "patches"
    mirror: bool = False
    input_scale: Annotated[float, Field(gt=0, le=10_000, description="0 shows the network no motion")] = 1.0
    flip: bool = False
    shift: Annotated[float, Field(ge=0, le=4096, description="px, up to the image's size")] = 0.0
    zoom: Annotated[float, Field(ge=0, lt=1, description="a fraction; 1 shrinks the motion to nothing")] = 0.0
    balanced: bool = False
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False

    @property
    def frozen(self) -> bool:
        """Whether the network is read as it comes and only what follows it is trained, see `frozen`."""
        return self.trained in ("head", "linear")

    def __post_init__(self):
        if self.image_size % (2 * self.patch_size):
            patches = f"{self.image_size}/{self.patch_size} = {self.image_size / self.patch_size:g}"
            raise ValueError(f"four quadrants need an even number of patches a side, not {patches}")
        if self.width % self.heads:
            raise ValueError(f"width {self.width} cannot be shared among {self.heads} heads")
        if self.init == "imagenet" and any(getattr(self, name) != value for name, value in VIT_SMALL.items()):
            raise ValueError(f"ImageNet weights exist for ViT-S/16 only: set {VIT_SMALL}")


class SCViT(nn.Module):
    """A vision transformer that takes a motion and gives class logits.

    Args:
        vit: the encoder, of any form that timm's class has, without a head of its own (`num_classes=0`). With three input
            channels the third is the optical strain of the motion. Its patch embedding moves to `patch_embed`, so that
            `vit.forward_features` takes embedded patches.
        classes: number of classes.
        input_scale, pool: see `ClassifierConfig`.
    """

    def __init__(
        self,
        vit: "VisionTransformer",
        *,
        classes: int = 3,
        input_scale: float = 1.0,
        pool: Literal["class", "all"] = "class",
    ):
        super().__init__()
        self.input_scale = input_scale
        self.patch_embed, vit.patch_embed = vit.patch_embed, nn.Identity()
        self.vit, width = vit, vit.num_features
        self.read = nn.Linear(self.patch_embed.num_patches * width, width) if pool == "all" else None
        self.head = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, classes))

    def embed_patches(self, motion: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b n d"]:
        r"""$\Phi_d$ of Eq 10 and 11: each patch, flattened and projected, which timm writes as a convolution."""
        inputs = motion
        if self.patch_embed.proj.in_channels == 3:  # times patch size: px again, the change of motion across a patch
            inputs = torch.cat([motion, optical_strain(motion) * self.patch_embed.patch_size[0]], dim=1)
        return self.patch_embed(inputs * self.input_scale)

    def encode(self, patches: Float[Tensor, "b n d"]) -> Float[Tensor, "b t d"]:
        """Class token prepended (t = n+1), position embeddings added, encoder, layer norm."""
        return self.vit.forward_features(patches)

    def pool(self, tokens: Float[Tensor, "b t d"]) -> Float[Tensor, "b d"]:
        """What the head reads: the class token, or all patch tokens mapped to as many numbers."""
        if self.read is None:
            return self.vit.forward_head(tokens, pre_logits=True)
        return self.read(tokens[:, self.vit.num_prefix_tokens :].flatten(1))

    def classify(self, tokens: Float[Tensor, "b t d"]) -> Float[Tensor, "b k"]:
        r"""Eq 15: $\hat y = MLP(LN(z_{cls}))$; `encode` ends with the layer norm."""
        return self.head(self.pool(tokens))

    def describe_regions(self, motion: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b r d"]:
        """What the head reads of each of the face's four regions; their sum is what it reads. Of a class token, r is 1."""
        tokens = self.encode(self.embed_patches(motion))
        if self.read is None:
            return self.pool(tokens)[:, None]
        rows, columns = self.patch_embed.grid_size
        weight = self.read.weight.unflatten(1, (2, rows // 2, 2, columns // 2, -1))  # (d, 2, s/2, 2, s/2, d)
        patches = tokens[:, self.vit.num_prefix_tokens :].unflatten(1, (2, rows // 2, 2, columns // 2))
        regions = torch.einsum("bixjyc,dixjyc->bijd", patches, weight).flatten(1, 2)  # (b, 4, d)
        return regions + self.read.bias / 4

    def forward(self, motion: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b k"]:
        return self.classify(self.encode(self.embed_patches(motion)))


def build_classifier(config: ClassifierConfig, *, classes: int = 3, weights: Path | None = None) -> SCViT:
    """The network of these settings, untrained.

    Args:
        classes: number of classes.
        weights: file with timm's ImageNet weights of ViT-S/16 (see `pretrained_weights`); None: random weights.
    """
    from timm.models.vision_transformer import VisionTransformer, vit_small_patch16_224  # slow to import

    if weights is None:
        vit = VisionTransformer(
            img_size=config.image_size,
            patch_size=config.patch_size,
            in_chans=config.channels,
            num_classes=0,
            embed_dim=config.width,
            depth=config.depth,
            num_heads=config.heads,
            weight_init="jax",  # Xavier, as in the original ViT: timm's default of 0.02 is far too small for narrow ones
        )
    else:
        vit = vit_small_patch16_224(
            pretrained=True,
            pretrained_cfg_overlay={"file": str(weights), "custom_load": False},
            img_size=config.image_size,
            in_chans=config.channels,
            num_classes=0,
        )
    return SCViT(vit, classes=classes, input_scale=config.input_scale, pool=config.pool)
