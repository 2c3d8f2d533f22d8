"""LEDGER.md speaks of names and tests that exist, and its arithmetic about published numbers holds."""

import ast
import importlib.util
import pkgutil
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
LEDGER = (ROOT / "LEDGER.md").read_text(encoding="utf-8")
NAMES = sorted(set(re.findall(r"`([a-z_]+(?:\.[A-Za-z_]+)+)`", LEDGER)) - {"LEDGER.md"})
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", LEDGER)))
CLIPS = np.array([88, 32, 25])  # CASME II: negative, positive, surprise
TABLE_1 = (  # the paper's: UF1, UAR
    (0.8468, 0.8849),
    (0.8629, 0.8903),
    (0.8903, 0.9028),
    (0.8718, 0.8851),
    (0.8923, 0.8984),
    (0.8951, 0.9109),
    (0.8784, 0.8960),
    (0.9078, 0.9290),
)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_exists(name):
    owner, _, last = name.rpartition(".")
    found = pkgutil.resolve_name(f"selfme_lib.{owner}")
    module = hasattr(found, "__path__") and importlib.util.find_spec(f"selfme_lib.{name}")
    assert module or hasattr(found, last) or last in getattr(found, "__dataclass_fields__", ())


def defined_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize(("file", "test"), TESTS)
def test_every_test_exists(file, test):
    assert defined_in(file), f"{file} tests nothing"
    assert not test or test in defined_in(file)


def test_the_ledger_names_many_things_and_tests():
    """An expression that finds none of them would let the tests above pass."""
    assert len(NAMES) > 20 and len(TESTS) > 20 and sum(bool(test) for _, test in TESTS) > 20


def test_anchors_are_unique_and_links_lead_somewhere():
    anchors = re.findall(r'<a id="([\w-]+)">', LEDGER)
    assert len(anchors) == len(set(anchors)) > 25
    assert set(re.findall(r"\]\(#([\w-]+)\)", LEDGER)) <= set(anchors)


def test_a_published_uar_is_a_precision():
    confusion = np.array([[83, 5, 0], [12, 19, 1], [2, 0, 23]])
    hits, true, predicted = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    assert (2 * hits / (true + predicted)).mean() == pytest.approx(0.8382, abs=5e-5)
    assert (hits / true).mean() == pytest.approx(0.8190, abs=5e-5)
    assert (hits / predicted).mean() == pytest.approx(0.8686, abs=5e-5)


@cache
def near(uf1: float, uar: float) -> np.ndarray:
    """(UF1, UAR) of every confusion matrix of 88 + 32 + 25 clips that comes within 1.1e-4 of the printed pair."""
    hits = np.stack(np.meshgrid(*(np.arange(n + 1) for n in CLIPS), indexing="ij"), axis=-1).reshape(-1, 3)
    found = []
    for hit in hits[np.abs((hits / CLIPS).mean(1) - uar) < 1.1e-4]:
        missed = CLIPS - hit
        total = missed.sum()
        first, second = np.meshgrid(np.arange(total + 1), np.arange(total + 1), indexing="ij")
        false = np.stack([first, second, total - first - second], axis=-1).reshape(-1, 3)
        false = false[((false >= 0) & (false <= total - missed)).all(1)]  # what a class gets, the other two have missed
        scores = (2 * hit / (hit + false + CLIPS)).mean(1)
        found += [(score, (hit / CLIPS).mean()) for score in scores[np.abs(scores - uf1) < 1.1e-4]]
    return np.array(found).reshape(-1, 2)


def test_no_confusion_matrix_gives_table_1():
    """The counts that the ledger states: of eight pairs, 0 by rounding, 0 by cutting, 2 by one of each, 3 within 1e-4."""
    rounded = cut = mixed = close = 0
    for pair in TABLE_1:
        printed, possible = np.round(np.array(pair) * 1e4), near(*pair) * 1e4
        by_rounding, by_cutting = np.round(possible) == printed, np.floor(possible + 1e-9) == printed
        rounded += by_rounding.all(1).any()
        cut += by_cutting.all(1).any()
        mixed += (by_rounding | by_cutting).all(1).any()
        close += (np.abs(possible - printed) <= 1.001).all(1).any()
    assert (rounded, cut, mixed, close) == (0, 0, 2, 3)
