"""`selfme pretrain --stage expressions`: the two linear models behind the frozen trunk, which `classifier.expressions` reads.

Expressions are learned from labelled clips of rendered pre-training people; temperature and confidence are fitted on tenths of
them that the others foretell. Units are learned from pairs of frames of other pre-training people, as the trunk was; those that
cannot be foretold on people left out are not told.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import pydantic.dataclasses
import torch
from jaxtyping import Float
from pydantic import Field
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold
from torch import Tensor

from selfme_lib.classifier import frozen
from selfme_lib.classifier.expressions import Models, save_models
from selfme_lib.classifier.linear import fit_features
from selfme_lib.classifier.network import ClassifierConfig
from selfme_lib.evaluation.calibration import at_temperature, fit_temperature, sure_from
from selfme_lib.grids import resize_flow
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.locks import in_use
from selfme_lib.runtime.settings import STRICT
from selfme_lib.synthme.pretraining import MOVING_UNITS

from .classifier_pretraining import SCVIT, ClassifierRecipe, pair_motions
from .study import Study

FOLDS = 10


@pydantic.dataclasses.dataclass(frozen=True, config=STRICT)
class ExpressionRecipe:
    """What the models are made from.

    Attributes:
        persons, clips: labelled rendered people of population pre-training, and the clips of each.
        first_person: number of the first; nothing else is learned from them.
        gamma: at which motions are measured.
        risk: how often an answer may be wrong.
        told: share of a unit's variance that must be foretold on people left out.
        pairs: of frames, from which units are learned.
    """

    persons: Annotated[int, Field(ge=FOLDS, le=10**5)] = 150
    clips: Annotated[int, Field(ge=1, le=1000)] = 12
    first_person: Annotated[int, Field(ge=0, lt=2**31)] = 4600
    gamma: Annotated[float, Field(gt=0, le=100)] = 2.0
    risk: Annotated[float, Field(gt=0, lt=1)] = 0.05
    told: Annotated[float, Field(lt=1)] = 0.2
    pairs: ClassifierRecipe = ClassifierRecipe()


def train_expressions(out: Path, recipe: ExpressionRecipe, *, device: str = "cpu", workers: int | None = None) -> Path:
    """Render, measure, fit; write `out`/expressions.safetensors.

    Raises:
        DataError: another process uses the folder, it belongs to another recipe, or no unit can be foretold.
    """
    form = replace(SCVIT, init="units")
    with in_use(out):
        study = _study(out / "run", recipe)
        described = _describe(form, study.motion("plus", gamma=recipe.gamma), device)
        labels, people = study.labels, study.subjects
        foretold = np.zeros((len(labels), len(study.classes)))
        for seen, left in GroupKFold(FOLDS).split(labels, groups=people):
            foretold[left] = _fit(described[seen], labels[seen]).predict(described[left, 0]).numpy()
        temperature = fit_temperature(foretold, labels)
        tempered = pd.DataFrame(at_temperature(foretold, temperature)).add_prefix("p")
        tempered = tempered.assign(label=labels, prediction=foretold.argmax(1))
        confidence = min(sure_from(tempered, risk=recipe.risk), 1.0)
        names, weights, bias, told = _units(out / "pairs", form, recipe, device, workers)
        models = Models(
            form=form,
            gamma=recipe.gamma,
            classes=study.classes,
            units=names,
            head=_fit(described, labels),
            unit_weights=weights,
            unit_bias=bias,
            temperature=temperature,
            confidence=confidence,
        )
        right = float((foretold.argmax(1) == labels).mean())
        of = f"{len(labels)} clips of {recipe.persons} rendered people, units of {recipe.pairs.persons}"
        path = out / "expressions.safetensors"
        save_models(models, path, recipe=of)
        shares = ", ".join(f"{name} {share:.2f}" for name, share in told.items())
        print(f"{path}: {of}; {right:.3f} right on people left out, temperature {temperature:.2f}", file=sys.stderr)
        print(f"answers from a probability of {confidence:.2f} on; units foretold: {shares}", file=sys.stderr)
    return path


def _study(folder: Path, recipe: ExpressionRecipe) -> Study:
    people = {"population": "pretraining", "first_identity": recipe.first_person, "subjects": recipe.persons}
    data = {"version": "synthme-2", "clips": recipe.clips, "ends": True, **people}
    return Study.open("quick", folder, data=data, motion={"checkpoint": "plus", "steps": 0, "methods": ["plus"]})


def _describe(form: ClassifierConfig, motion: Float[Tensor, "n 2 s s"], device: str) -> Float[Tensor, "n 2 d"]:
    """What the trunk's head would read of each motion and of its mirror image."""
    network = frozen.trunk(form, device=device)
    side = form.image_size
    return frozen.describe(network.describe_regions, resize_flow(motion.float(), (side, side)), device=device).sum(2)


def _fit(described: Float[Tensor, "n 2 d"], labels: np.ndarray):
    return fit_features(frozen.PENALTIES["units"], tuple(described.unbind(1)), torch.from_numpy(labels))


def _units(
    folder: Path, form: ClassifierConfig, recipe: ExpressionRecipe, device: str, workers: int | None
) -> tuple[tuple[str, ...], Float[Tensor, "u d"], Float[Tensor, "u"], dict[str, float]]:
    """Names of the units that can be told, their ridge regression, and the shares of variance foretold."""
    motion, units = pair_motions(folder, recipe.pairs, "plus", device=device, workers=workers)
    described = _describe(form, recipe.gamma * torch.from_numpy(np.array(motion)), device)
    units = units / 2  # in pixels of a 128-pixel face
    targets = np.concatenate([units.reshape(len(units), -1), units[..., ::-1].reshape(len(units), -1)])
    features = described.transpose(0, 1).flatten(0, 1).double().numpy()  # as they are, then mirrored
    people = np.tile(np.repeat(np.arange(recipe.pairs.persons), recipe.pairs.pairs), 2)
    last = people >= recipe.pairs.persons - recipe.pairs.validation_persons
    scale = float((features - features.mean(0)).std())
    model = Ridge(alpha=10.0 * scale**2).fit(features[~last], targets[~last])
    error, spread = ((targets[last] - model.predict(features[last])) ** 2).mean(0), targets[last].var(0)
    left = np.divide(
        error, spread, out=np.ones_like(error), where=spread > 1e-6
    )  # a unit that nobody moves is not foretold
    names = [f"{side}{unit}" for unit in MOVING_UNITS for side in "LR"]
    share = {name: float(1 - value) for name, value in zip(names, left)}
    kept = [
        place for place, unit in enumerate(names) if min(share[f"{side}{unit[1:]}"] for side in "LR") >= recipe.told
    ]
    if not kept:
        raise DataError(f"{folder}: no unit is foretold on people left out; take more people")
    weights, bias = (torch.from_numpy(np.asarray(value)[kept]).float() for value in (model.coef_, model.intercept_))
    return tuple(names[place] for place in kept), weights, bias, {names[place]: share[names[place]] for place in kept}
