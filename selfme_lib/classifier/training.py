r"""How the classifier is trained (paper §4.3, Eq 16), and one fold of it: train on some clips, predict others.

The paper does not say which epoch it reports. Here the number of epochs is fixed and the last one counts, so nothing is chosen
by looking at a test subject. Motions are `b 2 h w`, x first, in pixels of their own lattice.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR
from tqdm import tqdm

from selfme_lib.runtime.device import cpu_has_bfloat16, device_of, has_compiler, one_thread
from selfme_lib.runtime.errors import DataError

from .augmentation import augment
from .checkpoint import load_pretrained
from .imagenet import pretrained_weights
from .network import ClassifierConfig, SCViT, build_classifier
from .symmetry import mirror_right_half, region_embeddings, symmetric_contrastive_loss

Losses = dict[str, Tensor]
"""`loss`, of Eq 16, and `cross_entropy` beside it where that is not all of it."""


def resolve_for_device(config: ClassifierConfig, device: str = "cpu") -> ClassifierConfig:
    """The same settings without what this machine lacks, with a line on stderr for each change.

    Random weights if the ImageNet weights are out of reach; float32 on a CPU without bfloat16 arithmetic, which would emulate
    it slowly; no compilation where there is no compiler.
    """
    if config.precision == "bf16" and device == "cpu" and not cpu_has_bfloat16():
        print("this CPU has no bfloat16 arithmetic: computing in float32", file=sys.stderr)
        config = replace(config, precision="fp32")
    if config.compile and not has_compiler(device):
        print("torch.compile finds no compiler or no Python.h here: training without it", file=sys.stderr)
        config = replace(config, compile=False)
    if config.init == "imagenet":
        try:
            pretrained_weights()
        except DataError:  # they are there, and damaged
            raise
        except Exception as error:  # the classes of network errors differ between versions of the client
            reason = str(error).splitlines()[0]
            print(f"no ImageNet weights of ViT-S/16 ({reason}): starting from random weights", file=sys.stderr)
            config = replace(config, init="random")
    return config


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
    after_epoch: Callable[[SCViT, Losses], None] | None = None,
) -> SCViT:
    """Train for a fixed number of epochs. The same seed gives the same weights, bit for bit on a CPU.

    Args:
        config: followed to the letter, so that a result is what its settings say; see `resolve_for_device`.
        motion: in px; all samples as one tensor.
        labels: 0 … classes-1.
        progress: show a bar over the epochs.
        after_epoch: called after each epoch with the network, which it must not change, and with the mean losses of the epoch.

    Raises:
        ValueError: the motion is not of the size in `config`.
        Exception: the machine lacks what `config` asks for: ImageNet weights or a compiler.
    """
    if motion.shape[-2:] != (config.image_size, config.image_size):
        size = " x ".join(map(str, motion.shape[-2:]))
        raise ValueError(f"expected a motion of {config.image_size} x {config.image_size} px, got {size}")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = begin_classifier(config, classes=classes)
    model.to(device).train()
    motion, targets = motion.to(device), labels.to(device)
    objective = compiled_classification_losses() if config.compile else classification_losses
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(
        trained_part(config, model), lr=config.lr, weight_decay=config.weight_decay, fused=True
    )
    steps = -(-len(motion) // config.batch_size)  # an epoch
    schedule: LRScheduler
    if config.schedule == "one-cycle":
        schedule = OneCycleLR(optimiser, config.lr, config.epochs * steps)
    else:
        schedule = LambdaLR(optimiser, lambda step: config.lr_decay ** (step // steps))
    for _ in tqdm(range(config.epochs), desc="SCViT", unit="epoch", disable=None if progress else True):
        order = epoch_order(labels, balanced=config.balanced, generator=generator)
        told = []
        for batch in order.to(device).split(config.batch_size):
            inputs = motion[batch]
            if config.flip or config.shift or config.zoom:
                inputs = augment(inputs, flip=config.flip, shift=config.shift, zoom=config.zoom, generator=generator)
            losses = objective(config, model, inputs, targets[batch])
            optimiser.zero_grad()
            losses["loss"].backward()
            optimiser.step()
            schedule.step()
            told.append((len(batch), {name: value.detach() for name, value in losses.items()}))
        if after_epoch is not None:
            after_epoch(model, over_batches(told))
    return model.eval()


def begin_classifier(config: ClassifierConfig, *, classes: int) -> SCViT:
    """The network as `config.init` says, before any training."""
    if config.init in ("motion", "units"):
        return load_pretrained(config, classes=classes)
    return build_classifier(
        config, classes=classes, weights=pretrained_weights() if config.init == "imagenet" else None
    )


def trained_part(config: ClassifierConfig, model: SCViT) -> list[nn.Parameter]:
    """The weights that `config.trained` names; all others are left as they are, and need no gradient."""
    if config.trained == "all":
        return list(model.parameters())
    parts: list[nn.Module] = [model.head]
    if config.trained == "last":
        parts += [model.vit.blocks[-1], model.vit.norm, *filter(None, [model.read])]
    model.requires_grad_(False)
    for part in parts:
        part.requires_grad_(True)
    return [weights for weights in model.parameters() if weights.requires_grad]


def epoch_order(labels: Int[Tensor, "n"], *, balanced: bool, generator: torch.Generator) -> Int[Tensor, "n"]:
    """The samples of an epoch, in order; `balanced` as in `ClassifierConfig`. Labels on the CPU."""
    if not balanced:
        return torch.randperm(len(labels), generator=generator)
    rarity = 1 / torch.bincount(labels).clamp(min=1)[labels]
    return torch.multinomial(rarity, len(labels), replacement=True, generator=generator)


def classification_loss(
    config: ClassifierConfig, model: SCViT, motion: Float[Tensor, "b 2 h w"], labels: Int[Tensor, "b"]
) -> Float[Tensor, ""]:
    r"""Eq 16: $L_c = L_{cls} + \omega L_{sc}$, cross-entropy and the symmetric contrastive loss of `classifier.symmetry`.

    As the paper writes it, $L_{sc}$ acts on the patch embeddings *before* the encoder: its gradient reaches the patch embedding
    and nothing else. `contrast_on="encoder"` is the other reading.
    """
    return classification_losses(config, model, motion, labels)["loss"]


def classification_losses(
    config: ClassifierConfig, model: SCViT, motion: Float[Tensor, "b 2 h w"], labels: Int[Tensor, "b"]
) -> Losses:
    """`classification_loss`, and its first summand where there is a second one."""
    with torch.autocast(motion.device.type, dtype=torch.bfloat16, enabled=config.precision == "bf16"):
        patches = model.embed_patches(motion)  # (b, n, d)
        tokens = model.encode(patches)  # (b, n+1, d)
        logits = model.classify(tokens)  # (b, k)
        if config.omega and config.mirror:
            patches = model.embed_patches(mirror_right_half(motion))
            tokens = model.encode(patches) if config.contrast_on == "encoder" else tokens
    cross_entropy = F.cross_entropy(logits.float(), labels)
    if not config.omega:
        return {"loss": cross_entropy}
    contrasted = patches if config.contrast_on == "patches" else tokens[:, model.vit.num_prefix_tokens :]
    loss = cross_entropy + config.omega * symmetric_contrastive_loss(
        region_embeddings(contrasted), labels, tau=config.tau, denominator=config.denominator
    )
    return {"loss": loss, "cross_entropy": cross_entropy}


def over_batches(batches: Sequence[tuple[int, Losses]]) -> Losses:
    """Mean losses of an epoch, from the number of clips in each batch and their mean losses: every clip counts alike."""
    clips, told = zip(*batches)
    shares = torch.tensor(clips, dtype=torch.float32, device=told[0]["loss"].device) / sum(clips)  # (n,)
    return {name: torch.stack([losses[name] for losses in told], dim=-1) @ shares for name in told[0]}


def over_epochs(epochs: Sequence[Losses]) -> dict[str, Float[Tensor, "*s e"]]:
    """The curve of each loss, on the CPU."""
    return {name: torch.stack([losses[name] for losses in epochs], dim=-1).cpu() for name in epochs[0]}


@cache
def compiled_classification_losses() -> Callable[..., Losses]:
    """`classification_losses`, compiled on the first call, and again for other settings of the losses.

    One compiled form serves every batch size from two up, so a fold's numbers do not depend on what its process trained before.
    They differ from uncompiled ones by rounding.
    """
    torch._dynamo.config.recompile_limit = 64  # beyond it nothing is compiled; a table has more than 8 rows
    compiled = torch.compile(classification_losses)

    def objective(config: ClassifierConfig, model: SCViT, motion: Tensor, labels: Tensor) -> Losses:
        torch._dynamo.maybe_mark_dynamic(motion, 0)
        torch._dynamo.maybe_mark_dynamic(labels, 0)
        return compiled(config, model, motion, labels)

    return objective


@one_thread()
@torch.inference_mode()
def predict(model: SCViT, motion: Float[Tensor, "n 2 h w"], *, batch_size: int = 64) -> Float[Tensor, "n k"]:
    """Class probabilities, on the CPU."""
    device = device_of(model)
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
    curve: dict[str, Float[Tensor, "e"]] | None = None,
) -> Float[Tensor, "m k"]:
    """Train on some clips and return the class probabilities of others: one fold of `evaluation.loso`.

    Args:
        curve: gets the losses of each epoch, see `train_classifier`.
    """
    epochs: list[Losses] = []
    options: dict[str, Any] = {"classes": classes, "seed": seed, "device": device, "progress": False}
    model = train_classifier(config, motion, labels, after_epoch=lambda _, losses: epochs.append(losses), **options)
    if curve is not None:
        curve.update(over_epochs(epochs))
    return predict(model, test_motion)


def fit_predict_every_epoch(
    config: ClassifierConfig,
    motion: Float[Tensor, "n 2 h w"],
    labels: Int[Tensor, "n"],
    test_motion: Float[Tensor, "m 2 h w"],
    **options: Any,
) -> Float[Tensor, "e m k"]:
    """`fit_predict` after each epoch, with the same options; the last probabilities are those of `fit_predict`."""
    after: list[Tensor] = []

    def keep(model: SCViT, _: Losses) -> None:
        after.append(predict(model, test_motion))

    train_classifier(config, motion, labels, progress=False, after_epoch=keep, **options)
    return torch.stack(after)
