r"""Does a model give away whose clips it was trained on? Membership inference, the plainest attack there is.

Who shares weights shares what they remember. An attacker who has a model and a clip asks how well the model does on the clip:
the lower its loss, the likelier it was trained on (S. Yeom, I. Giacomelli, M. Fredrikson, S. Jha, Privacy Risk in Machine
Learning: Analyzing the Connection to Overfitting, CSF 2018). No threshold needs to be chosen to measure the danger: the area
under the ROC curve is the probability that a clip of a member has a lower loss than one of a stranger,

$$AUC = P(\ell_{member} < \ell_{stranger}) + \tfrac12 P(\ell_{member} = \ell_{stranger}).$$

.5 is a model that tells nothing, 1 one that tells all. Clips of a person resemble each other, so people are resampled, members
and strangers apart.
"""

import numpy as np
from jaxtyping import Bool, Float, Shaped
from scipy.stats import rankdata


def auc(members: Float[np.ndarray, "n"], strangers: Float[np.ndarray, "m"]) -> float:
    """Probability that a member's loss is lower than a stranger's.

    Raises:
        ValueError: one of the two groups is empty, or a loss is not finite.
    """
    if not len(members) or not len(strangers):
        raise ValueError("membership is told from losses of members and of strangers; one of the two is missing")
    both = np.concatenate([members, strangers])
    if not np.isfinite(both).all():
        raise ValueError("a loss is not finite")
    ranks = rankdata(both)[: len(members)]
    below = ranks.sum() - len(members) * (len(members) + 1) / 2  # pairs in which the member's loss is higher
    return float(1 - below / (len(members) * len(strangers)))


def auc_over_people(
    members: Float[np.ndarray, "n"],
    their_people: Shaped[np.ndarray, "n"],
    strangers: Float[np.ndarray, "m"],
    other_people: Shaped[np.ndarray, "m"],
    *,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """`auc` with its bootstrap interval over people.

    Args:
        members, strangers: the loss of each clip; their_people, other_people: whose it is.
        n: draws of people, members and strangers each with replacement.
        seed: of the draws.
        level: of the interval.
    """
    generator = np.random.default_rng(seed)
    groups = [_by_person(members, their_people), _by_person(strangers, other_people)]
    draws = []
    for _ in range(n):
        drawn = [np.concatenate([of[i] for i in generator.integers(len(of), size=len(of))]) for of in groups]
        draws.append(auc(*drawn))
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return auc(members, strangers), float(low), float(high)


def told_apart(
    loss: Float[np.ndarray, "n"],
    people: Shaped[np.ndarray, "n"],
    member: Bool[np.ndarray, "n"],
    shown: Float[np.ndarray, "n"] | None = None,
) -> dict[str, float]:
    """What a model's loss on clips of members and of strangers tells.

    Args:
        people: whose clip each is.
        shown: what is averaged over the clips of each group; by default the loss itself.

    Returns:
        `auc`, `low`, `high` as in `auc_over_people`; `members` and `strangers`, the means of `shown`.
    """
    value, low, high = auc_over_people(loss[member], people[member], loss[~member], people[~member])
    shown = loss if shown is None else shown
    means = {"members": float(shown[member].mean()), "strangers": float(shown[~member].mean())}
    return {"auc": value, "low": low, "high": high, **means}


def _by_person(losses: Float[np.ndarray, "n"], people: Shaped[np.ndarray, "n"]) -> list[Float[np.ndarray, "_"]]:
    return [losses[people == person] for person in np.unique(people)]


def cross_entropy(probabilities: Float[np.ndarray, "n k"], labels: Shaped[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """The loss of each clip under a classifier's probabilities."""
    return -np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-12, 1))
