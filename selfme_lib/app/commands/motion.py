"""Commands about motion: learned motion between two images, and a learner trained from scratch."""

import gc
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from selfme_lib.runtime.errors import DataError, UsageError

from .choices import folder
from .output import Stopwatch


def motion(
    onset: Annotated[Path, typer.Argument(help="Image of the face before it moves.", show_default=False)],
    apex: Annotated[
        Path, typer.Argument(help="Image of the same face when it has moved farthest.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="File to write: float32, 2 x H x W, pixels.", show_default=False)],
    gamma: Annotated[float, typer.Option(metavar="N", min=0, max=1_000, help="Motion amplification.")] = 1.0,
    png: Annotated[Path | None, typer.Option(help="Also draw the motion, into this file.", show_default=False)] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Without B-spline and exponential.")] = False,
    form: Annotated[
        Literal["plus", "printed", "lucas-kanade"],
        typer.Option(help="SelfME+, SelfME as the paper prints it, or Lucas and Kanade's closed form."),
    ] = "plus",
    checkpoint: Annotated[Path | None, typer.Option(help="Motion learner; default: the form's shipped one.")] = None,
) -> None:
    """Measure the motion between two pictures of a face. It is learned, unless another form is asked for."""
    if form == "lucas-kanade" and (raw or checkpoint is not None):
        raise UsageError(
            "--form lucas-kanade: has no checkpoint, B-spline or exponential; leave out --checkpoint and --raw"
        )
    if form == "printed" and checkpoint is not None:
        raise UsageError(f"--checkpoint {checkpoint}: has a form of its own; leave out --form")
    if png is not None and png.suffix.lower() != ".png":
        raise UsageError(f"--png {png}: expected a name that ends in .png")
    from selfme_lib.runtime.files import atomic_path, refuse_overwriting

    refuse_overwriting([out, png], [onset, apex, checkpoint])
    no_place = out.is_symlink() or (out.exists() and not out.is_file())  # a folder, a device: writing says so
    if out.suffix.lower() != ".npy" and not no_place:
        raise UsageError(f"--out {out}: expected a name that ends in .npy")
    gc.disable()  # PyTorch's modules are no garbage, and looking takes a seventh of the time to import them
    import numpy as np

    from selfme_lib.data import frame_size, read_frame
    from selfme_lib.motion.forms import motion_by

    gc.enable()
    width, height = frame_size(onset)
    if frame_size(apex) != (width, height):
        raise DataError(f"{apex}: not the size of {onset} ({width} x {height}); crop both alike")
    frames = read_frame(onset)[None], read_frame(apex)[None]
    flow = motion_by(form, checkpoint=checkpoint, bspline=not raw)(*frames, gamma)[0]
    if not flow.isfinite().all():
        raise DataError(f"{checkpoint or 'the shipped learner'}: finds a motion that is not finite; give another file")
    with atomic_path(out) as temporary, temporary.open("wb") as file:
        np.save(file, flow.numpy())
    if png is not None:
        from matplotlib.image import imsave

        from selfme_lib.plots.style import common_scale, flow_to_rgb

        with atomic_path(png) as temporary:
            imsave(temporary, flow_to_rgb(flow, common_scale(flow)).permute(1, 2, 0).numpy())
    print(f"{out}: 2 x {height} x {width}, longest motion {flow.norm(dim=0).max():.2f} px", file=sys.stderr)


def pretrain(
    out: Annotated[Path, typer.Argument(help="Folder for faces, state and checkpoint.", show_default=False)],
    stage: Annotated[
        Literal["motion", "classifier", "spotter", "expressions"],
        typer.Option(
            help="What is trained: a motion learner, a classifier of motions, a spotter of expressions, or what `selfme analyse` "
            "answers with."
        ),
    ] = "motion",
    task: Annotated[
        Literal["units", "motion"] | None,
        typer.Option(help="Classifier: tell action units, or masked motion.", show_default="units"),
    ] = None,
    network: Annotated[
        Literal["scvit", "vit-small", "off_apexnet", "ststnet"] | None,
        typer.Option(help="Classifier: SCViT as shipped, ViT-S/16 (for GPUs), or a rival.", show_default="scvit"),
    ] = None,
    motion: Annotated[
        str | None,
        typer.Option(
            help="Classifier, spotter: whose motions; of a classifier several, by commas.", show_default="plus"
        ),
    ] = None,
    dataset: Annotated[
        Literal["synthme", "voxceleb"], typer.Option(help="Rendered people, or VoxCeleb's in --root.")
    ] = "synthme",
    root: Annotated[
        Path | None, typer.Option(help="VoxCeleb: folders of face crops, or .mp4 files.", show_default=False)
    ] = None,
    persons: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=17, max=10**7, help="Rendered people, 16 of them for validation.", show_default="200"
        ),
    ] = None,
    pairs: Annotated[
        int, typer.Option(metavar="N", min=1, max=10_000, help="Pairs of frames per rendered person.")
    ] = 10,
    frames: Annotated[
        int, typer.Option(metavar="N", min=2, max=10**6, help="VoxCeleb: at most this many frames of each sequence.")
    ] = 8,
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="VoxCeleb: skip files that cannot be read.")
    ] = False,
    world: Annotated[
        Literal["synthme-1", "home"], typer.Option(help="Where the rendered people live; home is synthme-2.")
    ] = "synthme-1",
    form: Annotated[
        Literal["selfme", "first-order", "printed", "plus"],
        typer.Option(help="Networks and losses: selfme has every extension of LEDGER.md, plus is SelfME+."),
    ] = "selfme",
    perceptual: Annotated[
        Literal["contrast", "vgg19", "vgg16-edges", "vgg19-random"] | None,
        typer.Option(help="Features in which the printed form compares frames (Eq 6).", show_default="contrast"),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=32, max=4096, help="Largest side of the frames in pixels.", show_default="256; plus: 128"
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=10**8,
            help="Optimiser steps; plus: of its head network.",
            show_default="1200; classifier: 10000",
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=4096, help="Pairs per step and process; fewer of large frames.", show_default="8"
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, max=2**63 - 1, help="Seed of weights, faces and batches.")
    ] = 0,
    accelerator: Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="Device.")] = "auto",
    devices: Annotated[
        int, typer.Option(metavar="N", min=0, max=1024, help="Processes, one per device; 0: all GPUs, or 1 on a CPU.")
    ] = 0,
    nodes: Annotated[
        int, typer.Option(metavar="N", min=1, max=1024, help="Machines; start the command on each, as with torchrun.")
    ] = 1,
    precision: Annotated[
        Literal["32-true", "bf16-mixed", "16-mixed"], typer.Option(help="Precision of the networks.")
    ] = "32-true",
) -> None:
    """Train a motion learner or a classifier from scratch. The shipped ones were made so; the same command resumes."""
    folder("OUT", out)
    people = {} if persons is None else {"persons": persons}
    if stage != "motion":
        given: dict[str, Any] = {
            "dataset": dataset != "synthme",
            "root": root,
            "form": form != "selfme",
            "perceptual": perceptual,
        }
        given |= {"size": size, "nodes": nodes > 1, "devices": devices > 1, "precision": precision != "32-true"}
        if wrong := [name for name, value in given.items() if value]:
            raise UsageError(f"--{wrong[0]}: is of --stage motion; leave it out")
    if stage == "classifier":
        return _pretrain_classifier(
            out,
            network=network or "scvit",
            task=task or "units",
            motions=(motion or "plus").split(","),
            people=people,
            pairs=pairs,
            training={"steps": steps, "batch_size": batch},
            seed=seed,
            accelerator=accelerator,
        )
    if stage in ("spotter", "expressions"):
        if wrong := [name for name, value in {"task": task, "network": network}.items() if value]:
            raise UsageError(f"--{wrong[0]}: is of --stage classifier; leave it out")
        if stage == "expressions":
            return _pretrain_expressions(out, people, accelerator=accelerator)
        return _pretrain_spotter(
            out, motion or "plus", people, {"steps": steps, "batch_size": batch}, seed=seed, accelerator=accelerator
        )
    if wrong := [name for name, value in {"task": task, "network": network, "motion": motion}.items() if value]:
        raise UsageError(f"--{wrong[0]}: is of the classifier; add --stage classifier")
    time, steps = Stopwatch(), steps or 1200
    if dataset == "voxceleb" and root is None:
        raise UsageError("voxceleb does not come with this project: say where it is with --root DIR")
    if dataset == "synthme" and root is not None:
        raise UsageError(f"--root {root}: rendered people need none; add --dataset voxceleb to train on that folder")
    if dataset == "voxceleb" and persons is not None:
        raise UsageError(f"--persons {persons}: counts rendered people; with VoxCeleb, everyone in --root is used")
    if perceptual is not None and form != "printed":
        raise UsageError(f"--perceptual {perceptual}: is of the printed form; add --form printed")
    if form == "plus" and batch is not None:
        raise UsageError(f"--batch {batch}: SelfME+ takes as many at once as suits it; leave it out")
    batch = batch or 8
    from dataclasses import replace

    import torch
    from lightning_fabric import Fabric

    from selfme_lib.baselines.first_order import FIRST_ORDER, first_order_training
    from selfme_lib.motion.face_prior import SIDE, FacePriorConfig
    from selfme_lib.motion.face_prior_training import FacePriorTraining
    from selfme_lib.motion.pretraining import pretrain as train
    from selfme_lib.motion.pretraining import pretrain_plus
    from selfme_lib.motion.settings import (
        PRINTED,
        LearnerConfig,
        PretrainingConfig,
        TrainingConfig,
        VoxCeleb,
        printed_training,
        sizes_up_to,
    )
    from selfme_lib.runtime.device import DEVICE

    voxceleb = VoxCeleb(root, frames=frames, skip_broken=skip_broken) if root is not None else None
    size = size or (SIDE if form == "plus" else 256)
    sizes = sizes_up_to(size)
    training = TrainingConfig(steps=steps, batch_size=batch, seed=seed, sizes=sizes)
    learner = LearnerConfig()
    if form == "first-order":
        learner, training = FIRST_ORDER, first_order_training(training)
    elif form == "printed":
        learner, training = PRINTED, printed_training(training, perceptual or "contrast")
    learner = replace(learner, size=min(sizes), largest=min(size, learner.largest))
    if batch == 1 and learner.size == learner.step:
        raise UsageError(f"--batch 1 at {size} px leaves batch normalisation a single value; use --batch 2 or more")
    config = PretrainingConfig(
        persons=persons or PretrainingConfig.persons,
        pairs=pairs,
        world=world,
        learner=learner,
        training=training,
        voxceleb=voxceleb,
    )
    if form == "plus":
        if accelerator not in ("auto", "cpu") or max(devices, nodes) > 1 or precision != "32-true":
            raise UsageError("--form plus: is learned in closed form, on one CPU; leave out devices and precision")
        path = pretrain_plus(out, config, FacePriorConfig(), FacePriorTraining(steps=steps, seed=seed))
        print(f"{path}: in {time}", file=sys.stderr)
        return
    if devices > (cores := os.cpu_count() or 1) and (accelerator == "cpu" or not torch.cuda.is_available()):
        raise UsageError(f"--devices {devices}: on a CPU each is a process, and this machine has {cores} cores")
    if nodes > 1 and not any(name in os.environ for name in ("MASTER_ADDR", "SLURM_JOB_ID", "NODE_RANK")):
        start = f"torchrun --nnodes {nodes} --rdzv-endpoint HOST:PORT -m selfme_lib.app.cli pretrain …"
        raise UsageError(f"--nodes {nodes}: would wait for the other machines for ever; start it on each with {start}")
    try:
        chosen = DEVICE if accelerator == "auto" else accelerator  # MPS only where it is asked for, as elsewhere
        fabric = Fabric(accelerator=chosen, devices=devices or "auto", num_nodes=nodes, precision=precision)
    except (RuntimeError, ValueError) as error:  # a device that this machine lacks
        raise UsageError(f"--accelerator {accelerator} --devices {devices or 'auto'}: {error}") from None
    path = train(out, config, fabric=fabric)
    if fabric.global_rank == 0:
        print(f"{path}: in {time}", file=sys.stderr)


def _pretrain_classifier(
    out: Path,
    *,
    network: str,
    task: str,
    motions: list[str],
    people: dict[str, int],
    pairs: int,
    training: dict[str, int | None],
    seed: int,
    accelerator: str,
) -> None:
    from selfme_lib.runtime.device import DEVICE
    from selfme_lib.runtime.settings import from_plain
    from selfme_lib.study.classifier_pretraining import ClassifierRecipe, pretrain_classifier

    given = {name: value for name, value in training.items() if value is not None}
    values = {"network": network, "motions": [name.strip() for name in motions], "pairs": pairs, **people}
    recipe = from_plain(ClassifierRecipe, {**values, "training": {"task": task, "seed": seed, **given}})
    time = Stopwatch()
    path = pretrain_classifier(out, recipe, device=DEVICE if accelerator == "auto" else accelerator)
    print(f"{path}: in {time}", file=sys.stderr)


def _pretrain_spotter(
    out: Path, motion: str, people: dict[str, int], training: dict[str, int | None], *, seed: int, accelerator: str
) -> None:
    from selfme_lib.runtime.device import DEVICE
    from selfme_lib.runtime.settings import from_plain
    from selfme_lib.study.spotter_pretraining import SpotterRecipe, pretrain_spotter

    given = {name: value for name, value in training.items() if value is not None}
    recipe = from_plain(SpotterRecipe, {"motion": motion, **people, "training": {"seed": seed, **given}})
    pretrain_spotter(out, recipe, device=DEVICE if accelerator == "auto" else accelerator)


def _pretrain_expressions(out: Path, people: dict[str, int], *, accelerator: str) -> None:
    from selfme_lib.runtime.device import DEVICE
    from selfme_lib.runtime.settings import from_plain
    from selfme_lib.study.expression_training import ExpressionRecipe, train_expressions

    recipe = from_plain(ExpressionRecipe, people)
    train_expressions(out, recipe, device=DEVICE if accelerator == "auto" else accelerator)
