r"""SCViT: from a motion to an expression (paper §3.3, Eq 10, 11, 15, 16), and how it is trained (§4.3).

The motion is cut into $N$ patches, each flattened and projected to $D$ numbers, $\Phi_d^i = \Phi_p^i E$ (Eq 10, 11). A
class token is put in front, position embeddings are added, and a transformer encoder follows. What it makes of the
class token goes through a layer norm and an MLP with one hidden layer, $\hat y = MLP(LN(z_{cls}))$ (Eq 15). The
objective is $L_c = L_{cls} + \omega L_{sc}$ (Eq 16): cross-entropy and the symmetric contrastive loss of `symmetry`.

As the paper writes it, that loss acts on the patch embeddings *before* the encoder: its gradient reaches the patch
embedding and nothing else. `contrast_on="encoder"` is the other reading.

The paper does not say which epoch it reports. Here the number of epochs is fixed and the last one counts, so that
nothing is chosen by looking at a test subject. Motions are `b 2 h w`, x first, in pixels of their own lattice.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

import timm
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from tqdm import tqdm

from .augmentation import augment
from .errors import UsageError
from .imagenet import VIT_SMALL_WEIGHTS, pretrained_weights
from .machine import cpu_has_bfloat16, has_compiler, one_thread
from .symmetry import mirror_right_half, region_embeddings, symmetric_contrastive_loss

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


def optical_strain(motion: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 1 h w"]:
    r"""Size of the strain, $\sqrt{u_x^2 + v_y^2 + \frac12 (u_y + v_x)^2}$: by how much skin stretches."""
    along_y, along_x = torch.gradient(motion, dim=(-2, -1))  # each (b, 2, h, w)
    shear = along_y[:, 0] + along_x[:, 1]
    return (along_x[:, 0] ** 2 + along_y[:, 1] ** 2 + shear**2 / 2).sqrt().unsqueeze(1)


def with_what_there_is(config: ClassifierConfig, *, device: str = "cpu") -> ClassifierConfig:
    """The same settings, but without what this machine cannot give, and a line on stderr for each.

    Random weights if the ImageNet weights cannot be had; float32 on a CPU that has no bfloat16 arithmetic, where it
    would be imitated slowly; nothing compiled where there is no compiler.
    """
    if config.precision == "bf16" and device == "cpu" and not cpu_has_bfloat16():
        print("this CPU has no bfloat16 arithmetic: computing in float32", file=sys.stderr)
        config = replace(config, precision="fp32")
    if config.compile and not has_compiler(device):
        print("torch.compile finds no compiler here: training without it", file=sys.stderr)
        config = replace(config, compile=False)
    if not config.pretrained:
        return config
    try:
        pretrained_weights()
    except Exception as error:  # the classes of network errors differ between versions of the client
        reason = str(error).splitlines()[0]
        print(f"ImageNet weights of ViT-S/16 cannot be had ({reason}): starting from random weights", file=sys.stderr)
        return replace(config, pretrained=False)
    return config


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


@one_thread()
def train_classifier(
    config: ClassifierConfig,
    motion: Float[Tensor, "n 2 h w"],
    labels: Int[Tensor, "n"],
    *,
    seed: int,
    device: str = "cpu",
    classes: int = 3,
    progress: bool = True,
    after_epoch: Callable[[SCViT], None] | None = None,
) -> SCViT:
    """Train for a fixed number of epochs. The same seed gives the same weights, bit for bit on a CPU.

    Args:
        motion: in px; all samples as one tensor.
        labels: 0 … classes-1.
        progress: show a bar over the epochs.
        after_epoch: is shown the network after each epoch, and must leave it as it is.

    Raises:
        ValueError: the motion is not of the size in `config`.
    """
    if motion.shape[-2:] != (config.image_size, config.image_size):
        size = " x ".join(map(str, motion.shape[-2:]))
        raise ValueError(f"expected a motion of {config.image_size} x {config.image_size} px, got {size}")
    config = with_what_there_is(config, device=device)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = build_classifier(config, classes=classes, weights=pretrained_weights() if config.pretrained else None)
    model.to(device).train()
    motion, targets = motion.to(device), labels.to(device)
    objective = compiled_classification_loss() if config.compile else classification_loss
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True)
    steps_per_epoch = -(-len(motion) // config.batch_size)
    if config.schedule == "one-cycle":
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.lr, config.epochs * steps_per_epoch)
    else:
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: config.lr_decay ** (step // steps_per_epoch)
        )
    for _ in tqdm(range(config.epochs), desc="SCViT", unit="epoch", disable=None if progress else True):
        order = epoch_order(labels, balanced=config.balanced, generator=generator)
        for batch in order.to(device).split(config.batch_size):
            inputs = motion[batch]
            if config.flip or config.shift or config.zoom:
                inputs = augment(inputs, flip=config.flip, shift=config.shift, zoom=config.zoom, generator=generator)
            loss = objective(config, model, inputs, targets[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        if after_epoch is not None:
            after_epoch(model)
    return model.eval()


def epoch_order(labels: Int[Tensor, "n"], *, balanced: bool, generator: torch.Generator) -> Int[Tensor, "n"]:
    """Which samples an epoch shows, in which order; `balanced` as in `ClassifierConfig`. Labels on the CPU."""
    if not balanced:
        return torch.randperm(len(labels), generator=generator)
    rarity = 1 / torch.bincount(labels).clamp(min=1)[labels]
    return torch.multinomial(rarity, len(labels), replacement=True, generator=generator)


def classification_loss(
    config: ClassifierConfig, model: SCViT, motion: Float[Tensor, "b 2 h w"], labels: Int[Tensor, "b"]
) -> Float[Tensor, ""]:
    r"""Eq 16: $L_c = L_{cls} + \omega L_{sc}$."""
    on_patches = config.contrast_on == "patches"
    with torch.autocast(motion.device.type, dtype=torch.bfloat16, enabled=config.precision == "bf16"):
        patches = model.embed_patches(motion)  # (b, n, d)
        if on_patches or not config.omega:
            class_token, contrasted = model.encode_class(patches), patches
        else:
            tokens = model.encode(patches)  # (b, n+1, d)
            class_token, contrasted = tokens[:, 0], tokens[:, 1:]
        logits = model.classify(class_token)  # (b, k)
        if config.omega and config.mirror:
            patches = model.embed_patches(mirror_right_half(motion))
            contrasted = patches if on_patches else model.encode(patches)[:, 1:]
    loss = F.cross_entropy(logits.float(), labels)
    if config.omega:
        loss = loss + config.omega * symmetric_contrastive_loss(
            region_embeddings(contrasted), labels, tau=config.tau, denominator=config.denominator
        )
    return loss


@cache
def compiled_classification_loss() -> Callable[..., Float[Tensor, ""]]:
    """`classification_loss`, compiled when it is first called, and again for other settings of the losses.

    One form serves every number of samples from two on. So a fold's numbers do not depend on what its process trained
    before; from those that are not compiled they differ by rounding.
    """
    torch._dynamo.config.recompile_limit = 64  # beyond it nothing is compiled; a table has more than 8 rows
    compiled = torch.compile(classification_loss)

    def objective(config: ClassifierConfig, model: SCViT, motion: Tensor, labels: Tensor) -> Tensor:
        torch._dynamo.maybe_mark_dynamic(motion, 0)
        torch._dynamo.maybe_mark_dynamic(labels, 0)
        return compiled(config, model, motion, labels)

    return objective


@one_thread()
@torch.inference_mode()
def predict(model: SCViT, motion: Float[Tensor, "n 2 h w"], *, batch_size: int = 64) -> Float[Tensor, "n k"]:
    """Class probabilities, on the CPU."""
    device = next(model.parameters()).device
    return torch.cat([model(batch.to(device)).float().softmax(-1).cpu() for batch in motion.split(batch_size)])


def fit_predict(
    config: ClassifierConfig,
    motion: Float[Tensor, "n 2 h w"],
    labels: Int[Tensor, "n"],
    test_motion: Float[Tensor, "m 2 h w"],
    *,
    classes: int = 3,
    seed: int,
    device: str = "cpu",
) -> Float[Tensor, "m k"]:
    """Train on some clips and give the class probabilities of others: one fold of `evaluation.loso`."""
    model = train_classifier(config, motion, labels, classes=classes, seed=seed, device=device, progress=False)
    return predict(model, test_motion)
