"""The leave-one-subject-out explorer: what was predicted for whom, from which motion, and on what evidence.

Everything comes from a run folder: predictions from `metrics.json`, motion from `fields/`, networks from `checkpoints/`.
Chapter 07 keeps the networks of some folds; for the others there is no attention to show, as nothing is trained here.
"""

from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from selfme_lib.classifier.frozen import trunk
from selfme_lib.classifier.grad_cam import attention_map
from selfme_lib.classifier.network import SCViT
from selfme_lib.data import load_onset_apex
from selfme_lib.evaluation.metrics import confusion_matrix, uar, uf1
from selfme_lib.grids import resize_flow
from selfme_lib.plots.montage import Picture, rgb, to_bytes, write
from selfme_lib.plots.style import CLASS_COLOURS, FAINT, INK, common_scale, flow_to_rgb
from selfme_lib.runtime.device import DEVICE
from selfme_lib.runtime.errors import DataError
from selfme_lib.study.inspection import held_out_evidence, kept_classifiers
from selfme_lib.study.rows import Row
from selfme_lib.study.study import Study

from .canvas import bars, heat_over
from .controls import Choice
from .panels import CLIPS, Panel, PanelExplorer

SIDE = 192  # px of a picture
FIRST_SHOWN = "SelfME-motion+SCViT"  # if the run has it


class LosoExplorer(PanelExplorer):
    """A method, a held-out subject, one of the subject's clips.

    Args:
        study: chapter 05 was run into its run folder, and chapter 07 for the attention.

    Attributes:
        method: a row of the tables.
        subject: held out.
        clip: one of the subject's, marked ✓ if it was predicted right and ✗ if not.

    Raises:
        DataError: the run has no predictions, those of other clips, or no motion made by this version of the code.
    """

    def __init__(self, study: Study):
        self._records, self._classes = _records(study), study.classes
        self._place = {clip.key: place for place, clip in enumerate(study.clips)}
        self._study, self._labels = study, torch.from_numpy(study.labels)
        kept = lru_cache(maxsize=2)  # methods
        self._inputs = kept(lambda name: _motion_of(study, self._row(name)))
        self._frozen = kept(lambda name: _trunk_and_descriptions(study, self._row(name)))
        self._networks = kept(lambda name: kept_classifiers(study, self._row(name)))
        self._evidence = lru_cache(maxsize=2 * len(study.classes))(self._evidence_of)
        self._frames = lru_cache(maxsize=CLIPS)(lambda key: load_onset_apex([study.clips[self._place[key]]], SIDE))
        self.method = Choice("method", self._records)
        if FIRST_SHOWN in self._records:
            self.method.value = FIRST_SHOWN
        self.subject = Choice("subject", sorted({clip.subject for clip in study.clips}))
        self.clip = Choice("clip", self._options())
        self.method.observe(self._list_clips, names="value")
        self.subject.observe(self._list_clips, names="value")
        super().__init__([self.method, self.subject, self.clip], title="Held-out clips and their predictions")

    def prediction(self) -> dict[str, Any]:
        """The record of the clip: subject, clip, label, prediction, probabilities."""
        return next(one for one in self._of_subject() if _key(one) == self.clip.value)

    def attention(self, label: int) -> Float[Tensor, "h w"] | None:
        """Evidence for a class, by what never saw this subject; None if its network was not kept.

        Behind a frozen network it is that of a linear model, which is fitted in a moment.
        """
        row, target = self._row(self.method.value), torch.tensor([label])
        if _is_frozen(self._study, row):
            own = [clip.key for clip in self._study.clips if clip.subject == self.subject.value]
            return self._evidence(row.name, self.subject.value, label)[own.index(self.clip.value)]
        network = self._networks(self.method.value).get(self.subject.value)
        return None if network is None else attention_map(network, self._motion()[None], target)[0]

    def _evidence_of(self, method: str, subject: str, label: int) -> Float[Tensor, "n h w"]:
        """For a class, in each clip of a subject."""
        study = self._study
        network, described = self._frozen(method)
        return held_out_evidence(
            network,
            self._inputs(method),
            described,
            self._labels,
            study.subjects.tolist(),
            classes=len(self._classes),
            target=torch.full_like(self._labels, label),
            only=[subject],
        )

    def render(self) -> tuple[list[list[Panel]], str]:
        found, classes = self.prediction(), self._classes
        label, guess = found["label"], found["prediction"]
        onset, apex = (side[0] for side in self._frames(self.clip.value))
        motion = self._motion()
        colours = to_bytes(flow_to_rgb(-motion, common_scale(motion)))
        shown = [to_bytes(onset), to_bytes(apex), cv2.resize(colours, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)]
        titles = ["onset", "apex", "motion, as the classifier sees it"]
        for target, title in {label: "attention: truth", guess: "attention: prediction"}.items():
            heat = self.attention(target)
            shown.append(_nothing() if heat is None else to_bytes(heat_over(onset, heat)))
            titles.append(f"{title} ({classes[target]})" if label != guess else f"attention: {classes[target]}")
        record = self._records[self.method.value]
        own, pooled = self._confusion(self._of_subject()), np.array(record["confusion"])
        shades = [CLASS_COLOURS[name] for name in classes]
        chances = bars(found["probabilities"], shades, classes, width=SIDE * 2, height=SIDE // 2)
        numbers = [
            (f"subject {self.subject.value}", _confusion_picture(own, classes)),
            ("everybody (rows: truth)", _confusion_picture(pooled, classes)),
            ("probabilities", chances),
        ]
        verdict = "right" if label == guess else f"{classes[guess]}, wrong"
        return [list(zip(titles, shown)), numbers], (
            f"{self.clip.value} is {classes[label]}, predicted {verdict} · subject: {np.trace(own)} of {own.sum()} right · "
            f"everybody: UF1 {uf1(pooled):.3f}, UAR {uar(pooled):.3f}"
        )

    def _motion(self) -> Float[Tensor, "2 h w"]:
        return self._inputs(self.method.value)[self._place[self.clip.value]]

    def _of_subject(self) -> list[dict[str, Any]]:
        predictions = self._records[self.method.value]["predictions"]
        return [one for one in predictions if one["subject"] == self.subject.value]

    def _options(self) -> list[tuple[str, str]]:
        options = []
        for one in self._of_subject():
            mark = "✓" if one["label"] == one["prediction"] else "✗"
            options.append((f"{one['clip']} {self._classes[one['label']]} {mark}", _key(one)))
        return options

    def _list_clips(self, _change: object) -> None:
        """Offer the clips of the chosen subject; the current clip stays if it is one of them."""
        options = self._options()
        keys = [key for _, key in options]
        kept = self.clip.value if self.clip.value in keys else keys[0]
        with self.hold_picture():
            self.clip.options = options
            self.clip.value = kept

    def _row(self, name: str) -> Row:
        known = {field.name for field in fields(Row)}  # a record holds more, such as the protocol's leaks
        settings = self._records[name]["settings"]
        return Row(name=name, **{key: value for key, value in settings.items() if key in known})

    def _confusion(self, predictions: list[dict[str, Any]]) -> Int[np.ndarray, "k k"]:
        labels, guesses = np.array([(one["label"], one["prediction"]) for one in predictions]).T
        return confusion_matrix(labels, guesses, classes=len(self._classes))


def _records(study: Study) -> dict[str, dict[str, Any]]:
    """The rows of the run whose motion it still holds, by name; the majority class uses no motion."""
    run = study.run
    if not run.metrics.exists():
        raise DataError(f"{run.metrics}: no such file; run chapter 05 into this folder first")
    rows = run.read_metrics()["rows"]
    if {_key(one) for record in rows for one in record["predictions"]} != {clip.key for clip in study.clips}:
        raise DataError(f"{run.metrics}: its predictions are not of these clips; run chapter 05 again")
    records = {}
    for record in rows:
        row = record["settings"]
        if record["seed"] != study.settings.seed or row["motion"] == "none":
            continue
        if study.motion_file(row["motion"], bspline=row["bspline"], gamma=row["gamma"]).exists():
            records[record["name"]] = record
    if not records:
        raise DataError(f"{run.fields}: no motion made by this version of the code; run chapter 05 again")
    return records


def _is_frozen(study: Study, row: Row) -> bool:
    own = row.classifier(study.settings.classifier)
    return own.frozen and own.pool == "all" and row.rival is None and not row.linear


def _trunk_and_descriptions(study: Study, row: Row) -> tuple[SCViT, Float[Tensor, "n 2 r d"]]:
    """A frozen network and what it says of every clip."""
    return trunk(row.classifier(study.settings.classifier), device=DEVICE), study.inputs(row)


def _motion_of(study: Study, row: Row) -> Float[Tensor, "n 2 h w"]:
    """The motion that a row's classifier looks at, even where it is read before anything is trained."""
    side = study.settings.classifier.image_size if row.rival is None else row.rival.settings.size
    return resize_flow(study.motion(row.motion, bspline=row.bspline, gamma=row.gamma), (side, side))


def _key(prediction: dict[str, Any]) -> str:
    return f"{prediction['subject']}/{prediction['clip']}"


def _nothing() -> Picture:
    blank = np.full((SIDE, SIDE, 3), 255, np.uint8)
    blank[[0, -1]] = blank[:, [0, -1]] = rgb(FAINT)
    lines = ["no network was kept", "for this fold; chapter 07", "keeps those it looks into"]
    return write(blank, [(14, 70 + 16 * row, line) for row, line in enumerate(lines)], size=11)


def _confusion_picture(confusion: Int[np.ndarray, "k k"], classes: Sequence[str]) -> Picture:
    """A confusion matrix, rows truth; the blue of a cell is its share of the row."""
    side, margin = 120, 38
    cell = side // len(classes)
    picture = np.full((margin + side, margin + side, 3), 255, np.uint8)
    share = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    for (row, column), count in np.ndenumerate(confusion):
        top, left = row * cell, margin + column * cell
        fill = 255 - share[row, column] * (255 - np.array(rgb(CLASS_COLOURS["negative"])))
        picture[top + 1 : top + cell - 1, left + 1 : left + cell - 1] = np.round(fill)
        colour = "#ffffff" if share[row, column] > 0.85 else INK  # whichever is read better on that blue
        picture = write(picture, [(left + cell / 2, top + cell / 2, str(count))], size=13, colour=colour, anchor="mm")
    middles = [(place + 0.5) * cell for place in range(len(classes))]
    names = [(margin + middle, side + 12.0, name[:3]) for middle, name in zip(middles, classes)]
    names += [(margin / 2, middle, name[:3]) for middle, name in zip(middles, classes)]
    return write(picture, names, size=11, anchor="mm")
