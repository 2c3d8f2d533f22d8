r"""SCViT: from a motion to an expression (paper §3.3, Eq 10, 11, 15, 16), and how it is trained (§4.3).

The motion is cut into $N$ patches, each flattened and projected to $D$ numbers, $\Phi_d^i = \Phi_p^i E$ (Eq 10, 11). A
class token is put in front, position embeddings are added, and a transformer encoder follows. What it makes of the
class token goes through a layer norm and an MLP with one hidden layer, $\hat y = MLP(LN(z_{cls}))$ (Eq 15). The
objective is $L_c = L_{cls} + \omega L_{sc}$ (Eq 16): cross-entropy and the symmetric contrastive loss of `classifier.symmetry`.

As the paper writes it, that loss acts on the patch embeddings *before* the encoder: its gradient reaches the patch
embedding and nothing else. `contrast_on="encoder"` is the other reading.

The paper does not say which epoch it reports. Here the number of epochs is fixed and the last one counts, so that
nothing is chosen by looking at a test subject. Motions are `b 2 h w`, x first, in pixels of their own lattice.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import timm
import torch
import torch.nn.functional as F
from jaxtyping import Float
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from selfme_lib.grids import optical_strain
from selfme_lib.runtime.errors import UsageError

from .imagenet import VIT_SMALL_WEIGHTS

VIT_SMALL = {"patch_size": 16, "depth": 12, "width": 384, "heads": 6}  # ViT-S/16, the paper's


@dataclass(frozen=True)
class ClassifierConfig:
    r"""The classifier and its training. The defaults are the paper's, but for `pretrained`.

    Attributes:
        image_size: side of the square motion in px.
        patch_size: side of a patch in px; the grid of patches must be even, so that quadrants exist.
        channels: 2 for (u, v), 3 for (u, v, optical strain).
        depth, width, heads: of the encoder.
        pretrained: start from ImageNet weights (ViT-S/16 only).
        epochs, batch_size: fixed; the last epoch counts.
        lr: learning rate: the first one, or the peak of the one-cycle schedule.
        schedule: `exponential` multiplies `lr` by `lr_decay` after each epoch; `one-cycle` rises and falls once.
        lr_decay: see `schedule`.
        weight_decay: decoupled (AdamW); 0 is Adam.
        omega: $\omega$, weight of the symmetric contrastive loss; 0 is the plain ViT.
        tau: $\tau$, its temperature.
        denominator: `pair` as Eq 14, or `all` regions together.
        contrast_on: `patches` before the encoder as the paper writes, or the output of the `encoder`.
        mirror: extension: the loss sees the right half of the motion flipped, with dx negated.
        input_scale: every motion is multiplied by it: one fixed number, never per sample, or $\gamma$ would cancel.
        flip: augmentation: mirror the face at random, which negates dx.
        shift: augmentation: move the motion by up to so many px.
        zoom: augmentation: enlarge or shrink it by up to this fraction.
        balanced: an epoch draws its samples with replacement, each class equally often; else every sample once.
        precision: `bf16` runs the network in bfloat16 where there is arithmetic for it (the losses stay in float32).
        compile: fuse network and losses by `torch.compile`. A step becomes a tenth to a fifth shorter; compiling takes up to half
            a minute in each process and for each setting of the losses, so that it pays for long trainings only.
    """

    image_size: int = 224
    patch_size: int = 16
    channels: Literal[2, 3] = 2
    depth: int = 12
    width: int = 384
    heads: int = 6
    pretrained: bool = False
    epochs: int = 60
    batch_size: int = 32
    lr: float = 1e-4
    schedule: Literal["exponential", "one-cycle"] = "exponential"
    lr_decay: float = 0.9
    weight_decay: float = 0.0
    omega: float = 0.1
    tau: float = 0.07
    denominator: Literal["pair", "all"] = "pair"
    contrast_on: Literal["patches", "encoder"] = "patches"
    mirror: bool = False
    input_scale: float = 1.0
    flip: bool = False
    shift: float = 0.0
    zoom: float = 0.0
    balanced: bool = False
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False

    def __post_init__(self):
        for name in ("image_size", "patch_size", "depth", "width", "heads", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise UsageError(f"classifier: {name} must be at least 1, not {getattr(self, name)}")
        if self.image_size % (2 * self.patch_size):
            patches = f"{self.image_size}/{self.patch_size} = {self.image_size / self.patch_size:g}"
            raise UsageError(f"classifier: four quadrants need an even number of patches a side, not {patches}")
        if self.width % self.heads:
            raise UsageError(f"classifier: width {self.width} cannot be shared among {self.heads} heads")
        if self.pretrained and any(getattr(self, name) != value for name, value in VIT_SMALL.items()):
            raise UsageError(f"classifier: pretrained weights exist for ViT-S/16 only: set {VIT_SMALL}")


class SCViT(nn.Module):
    """A vision transformer that takes a motion and gives class logits.

    Args:
        image_size, patch_size, channels, depth, width, heads, input_scale: see `ClassifierConfig`.
        classes: number of classes.
        weights: file with timm's ImageNet weights of ViT-S/16 (see `pretrained_weights`); None: random weights.
    """

    def __init__(
        self,
        *,
        image_size: int,
        patch_size: int = 16,
        channels: Literal[2, 3] = 2,
        classes: int = 3,
        depth: int,
        width: int,
        heads: int,
        input_scale: float = 1.0,
        weights: Path | None = None,
    ):
        super().__init__()
        self.channels, self.input_scale, self.patch_size = channels, input_scale, patch_size
        if weights is None:
            self.vit = VisionTransformer(
                img_size=image_size,
                patch_size=patch_size,
                in_chans=channels,
                num_classes=0,
                embed_dim=width,
                depth=depth,
                num_heads=heads,
                weight_init="jax",  # Xavier, as the first ViT: timm's default of 0.02 is far too small for narrow ones
            )
        else:
            self.vit = timm.create_model(
                VIT_SMALL_WEIGHTS,
                pretrained=True,
                pretrained_cfg_overlay={"file": str(weights), "custom_load": False},
                img_size=image_size,
                in_chans=channels,
                num_classes=0,
            )
        self.head = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, classes))

    def embed_patches(self, motion: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b n d"]:
        r"""$\Phi_d$ of Eq 10 and 11: each patch, flattened and projected."""
        inputs = motion
        if self.channels == 3:  # strain x patch size: by how much the motion changes across a patch, in pixels again
            inputs = torch.cat([motion, optical_strain(motion) * self.patch_size], dim=1)
        projection, side = self.vit.patch_embed.proj, self.patch_size  # timm keeps E as a convolution of patches
        patches = inputs.unflatten(3, (-1, side)).unflatten(2, (-1, side))  # (b, c, rows, side, columns, side)
        flat = patches.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)  # (b, n, c side side)
        return F.linear(flat * self.input_scale, projection.weight.flatten(1), projection.bias)

    def encode(self, patches: Float[Tensor, "b n d"]) -> Float[Tensor, "b n+1 d"]:
        """Class token in front, position embedding added, encoder, layer norm."""
        return self.vit.norm(self.vit.blocks(self._tokens(patches)))

    def encode_class(self, patches: Float[Tensor, "b n d"]) -> Float[Tensor, "b d"]:
        r"""$LN(z_{cls})$: the first token of `encode`, without what its last block makes of the others.

        Behind that block the class token alone is read. So of the last block the patches need their keys and values and
        nothing else: no queries, no projection, no MLP. In an encoder of two blocks that is 5/12 of the products.
        """
        *blocks, last = self.vit.blocks
        tokens = self._tokens(patches)
        for block in blocks:
            tokens = block(tokens)
        attention, normed = last.attn, last.norm1(tokens)  # (b, n+1, d)
        weight, bias, width = attention.qkv.weight, attention.qkv.bias, normed.shape[-1]  # rows: queries, keys, values
        query = F.linear(normed[:, :1], weight[:width], bias[:width])  # (b, 1, d)
        key, value = F.linear(normed, weight[width:], bias[width:]).chunk(2, dim=-1)  # each (b, n+1, d)
        heads = (part.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2) for part in (query, key, value))
        seen = F.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2)  # (b, 1, d)
        token = tokens[:, :1] + attention.proj(seen)
        return self.vit.norm(token + last.mlp(last.norm2(token)))[:, 0]

    def _tokens(self, patches: Float[Tensor, "b n d"]) -> Float[Tensor, "b n+1 d"]:
        class_token = self.vit.cls_token.expand(len(patches), -1, -1)  # (b, 1, d)
        return torch.cat([class_token, patches], dim=1) + self.vit.pos_embed

    def classify(self, class_token: Float[Tensor, "b d"]) -> Float[Tensor, "b k"]:
        r"""Eq 15: $\hat y = MLP(LN(z_{cls}))$; the layer norm is the encoder's last step."""
        return self.head(class_token)

    def forward(self, motion: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b k"]:
        return self.classify(self.encode(self.embed_patches(motion))[:, 0])


def build_classifier(config: ClassifierConfig, *, classes: int = 3, weights: Path | None = None) -> SCViT:
    """The network of these settings, not trained yet. Arguments as in `SCViT`."""
    return SCViT(
        image_size=config.image_size,
        patch_size=config.patch_size,
        channels=config.channels,
        classes=classes,
        depth=config.depth,
        width=config.width,
        heads=config.heads,
        input_scale=config.input_scale,
        weights=weights,
    )
