"""Tables that lead from the paper to the code: equation → function → test → notebook cell, and likewise for each ledger row.

`PLACES` states once which function and test belong to an equation. That the function exists and names its equation, that the
test exists, and which notebook cell shows the function, is looked up in the files. `make map` writes both tables.
"""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat

from selfme_lib.app.chapters import find_appendices, find_notebooks
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path
from selfme_lib.runtime.paths import PROJECT

BEGIN, END = "<!-- map -->", "<!-- end map -->"
EQUATION_MAP = "docs/equation_map.md"


@dataclass(frozen=True)
class Place:
    """Where the code computes one or more equations of the paper.

    Attributes:
        equations: first and last equation.
        what: a few words for the table.
        function: file in `selfme_lib` and name: `room/module.py:name` or `room/module.py:Class.method`.
        test: file in `tests` and name.
        shown: word to search for in the notebooks' code cells; the function's name if empty.
    """

    equations: tuple[int, int]
    what: str
    function: str
    test: str
    shown: str = ""


_NETWORKS, _EQUIVARIANCE = "motion/test_networks.py:test_", "motion/test_equivariance.py:test_"
PLACES = (
    Place((1, 1), "keypoints", "motion/learner.py:MotionLearner.forward_keypoints",
          _NETWORKS + "a_padded_head_reads_displacements_at_their_true_size"),
    Place((2, 2), "local motions", "motion/dense_motion.py:local_motions",
          _NETWORKS + "local_motion_points_from_target_to_source"),
    Place((3, 3), "heatmaps", "motion/dense_motion.py:gaussian_heatmaps", _NETWORKS + "heatmap_is_one_at_its_keypoint"),
    Place((4, 4), "weights of the local motions", "motion/dense_motion.py:DenseMotion",
          _NETWORKS + "a_new_dense_motion_is_local", "forward_motion"),
    Place((5, 5), "dense motion", "motion/dense_motion.py:weighted_motion",
          _NETWORKS + "weighted_motion_with_one_hot_weights_is_that_motion_in_pixels"),
    Place((6, 6), "reconstruction loss", "motion/losses.py:reconstruction_loss",
          "motion/test_losses.py:test_reconstruction_sums_means_over_scales_and_maps", "prediction"),
    Place((7, 7), "equivariance loss", "motion/equivariance.py:equivariance_loss",
          _EQUIVARIANCE + "perfect_keypoints_have_no_equivariance_loss_and_the_printed_order_has", "RandomTransform"),
    Place((8, 8), "objective of stage 1", "motion/training.py:Objective",
          "motion/test_training.py:test_the_papers_own_losses_are_two", "TrainingConfig"),
    Place((9, 9), "B-spline expansion", "motion/diffeo.py:expand_bspline",
          "motion/test_diffeo.py:test_expansion_is_scipys_tensor_product_spline"),
    Place((10, 11), "patch embedding", "classifier/network.py:SCViT.embed_patches",
          "classifier/test_classifier.py:test_patch_embedding_is_a_product_with_the_flattened_patches"),
    Place((12, 13), "regional embeddings", "classifier/symmetry.py:region_embeddings",
          "classifier/test_symmetry.py:test_regions_are_the_quadrants_of_the_image"),
    Place((14, 14), "symmetric contrastive loss", "classifier/symmetry.py:symmetric_contrastive_loss",
          "classifier/test_symmetry.py:test_loss_is_eq_14"),
    Place((15, 15), "classifier's head", "classifier/network.py:SCViT.classify",
          "classifier/test_classifier.py:test_head_is_a_perceptron_with_one_hidden_layer_behind_a_layer_norm",
          "build_classifier"),
    Place((16, 16), "objective of stage 2", "classifier/training.py:classification_loss",
          "classifier/test_classifier.py:test_contrast_before_the_encoder_reaches_the_patch_embedding_alone"),
    Place((17, 17), "UF1", "evaluation/metrics.py:uf1", "evaluation/test_metrics.py:test_metrics_are_scikit_learns"),
    Place((18, 18), "UAR", "evaluation/metrics.py:uar", "evaluation/test_metrics.py:test_metrics_are_scikit_learns"),
)  # fmt: skip


def update(project: Path = PROJECT) -> list[Path]:
    """Write both tables; returns the files that changed."""
    changed = []
    pages = (project / EQUATION_MAP, paper_map(project)), (project / "LEDGER.md", ledger_map(project))
    for path, table in pages:
        text = path.read_text(encoding="utf-8")
        if text.count(BEGIN) != 1 or text.count(END) != 1:
            raise DataError(f"{path}: expected {BEGIN} and {END} once each; the table goes between them")
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        new = f"{before}{BEGIN}\n{table}\n{END}{after}"
        if new != text:
            with atomic_path(path) as temporary:
                temporary.write_text(new, encoding="utf-8")
            changed.append(path)
    return changed


def paper_map(project: Path = PROJECT) -> str:
    """The table of `PLACES`, with the notebook cell that shows each; its links are seen from `docs/`.

    Raises:
        DataError: a function, a test or a cell does not exist, or a function's docstring does not name its equation.
    """
    lines = ["| equation | what | function | test | notebook |", "|---|---|---|---|---|"]
    for place in PLACES:
        first, last = place.equations
        number = f"{first}" if first == last else f"{first}-{last}"
        module, name = place.function.split(":")
        if not _mentions(project / "selfme_lib" / module, name, first):
            raise DataError(
                f"selfme_lib/{module}: {name} does not mention Eq {first}; name the equation in its docstring"
            )
        file, test = place.test.split(":")
        if test not in _definitions(project / "tests" / file):
            raise DataError(f"tests/{file}: has no {test}; correct PLACES in tools/paper_map.py")
        cell = _find_cell(project, place.shown or name.rpartition(".")[2], first)
        lines.append(
            f"| Eq {number} | {place.what} | [`{name}`](../selfme_lib/{module}) | "
            f"[`{test.removeprefix('test_')}`](../tests/{file}) | {cell} |"
        )
    return "\n".join(lines)


def ledger_map(project: Path = PROJECT) -> str:
    """For each ledger row, links to its code, its tests and the notebooks that mention it."""
    text = (project / "LEDGER.md").read_text(encoding="utf-8")
    mentioned = {
        path: {
            anchor
            for cell in _cells(path)
            if cell.cell_type == "markdown"
            for anchor in re.findall(r"LEDGER\.md#([\w-]+)\)", cell.source)
        }
        for path in _notebooks(project)
    }
    lines = ["| row | code | test | notebooks |", "|---|---|---|---|"]
    for anchor, title, rest in re.findall(r'(?m)^\| <a id="(l-[\w-]+)"></a>([^|]+?) \|(.+)\|$', text):
        code, tests = re.split(r"(?<!\\)\|", rest)[-2:]
        files = {_module_of(project, name): name for name in re.findall(r"`([a-z_]+(?:\.\w+)*)`", code)}
        links = [f"[`{name}`]({file})" for file, name in files.items() if file]
        checks = dict.fromkeys(re.findall(r"`(tests/[\w/]+\.py)", tests))
        shown = [
            f"[{path.stem[:2]}](notebooks/{path.name})" for path, anchors in mentioned.items() if anchor in anchors
        ]
        lines.append(
            f"| [{title}](#{anchor}) | {', '.join(links) or '–'} | "
            f"{', '.join(f'[{Path(file).stem}]({file})' for file in checks) or '–'} | {', '.join(shown) or '–'} |"
        )
    return "\n".join(lines)


def _notebooks(project: Path) -> list[Path]:
    return [*find_notebooks(project / "notebooks"), *find_appendices(project / "notebooks")]


@cache
def _cells_at(path: Path, _changed: int) -> list[nbformat.NotebookNode]:
    return nbformat.read(path, as_version=4).cells


def _cells(path: Path) -> list[nbformat.NotebookNode]:
    return _cells_at(path, path.stat().st_mtime_ns)


def _find_cell(project: Path, word: str, equation: int) -> str:
    """Link to the first code cell that uses the word, in the first notebook whose opening cell lists the equation."""
    for path in _notebooks(project):
        cells = _cells(path)
        covered = [range(int(a), int(b or a) + 1) for a, b in re.findall(r"Eq (\d+)(?:[-–](\d+))?", cells[0].source)]
        if not any(equation in numbers for numbers in covered):
            continue
        number, heading = 0, ""
        for cell in cells:
            if cell.cell_type == "markdown":
                heading = (re.findall(r"(?m)^#+ (.+)$", cell.source) or [heading])[-1]
            else:
                number += 1
                used = re.sub(r"(?m)^(?:from .+|import .+|    \w+,)$", "", cell.source)
                if re.search(rf"\b{word}\b", used):
                    return f"[{path.stem[:2]}, cell {number}](../notebooks/{path.name}): {heading.replace('|', ' ')}"
    raise DataError(f"no notebook that covers Eq {equation} uses {word}; correct PLACES in tools/paper_map.py")


def _definitions(path: Path) -> dict[str, ast.AST]:
    """Functions, classes and methods (as `Class.method`) defined in a module."""
    found = {}
    if path.is_file():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found[node.name] = node
                inner = [part for part in getattr(node, "body", []) if isinstance(part, ast.FunctionDef)]
                found |= {f"{node.name}.{part.name}": part for part in inner}
    return found


def _mentions(path: Path, name: str, equation: int) -> bool:
    """Whether the docstring of a function or of its module names the equation."""
    found = _definitions(path).get(name)
    if found is None:
        return False
    words = f"{ast.get_docstring(found)} {ast.get_docstring(ast.parse(path.read_text(encoding='utf-8')))}"
    spans = re.findall(r"Eq (\d+(?:(?:, | and | to |-)\d+)*)", words)
    for span in spans:
        numbers = list(map(int, re.findall(r"\d+", span)))
        ranged = " to " in span or "-" in span
        if equation in numbers or (ranged and numbers[0] <= equation <= numbers[-1]):
            return True
    return False


def _module_of(project: Path, name: str) -> str:
    """`motion.settings.LearnerConfig.reach` → `selfme_lib/motion/settings.py`; empty if no part is a module."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        place = project.joinpath("selfme_lib", *parts[:length])
        if place.with_suffix(".py").is_file():
            return place.with_suffix(".py").relative_to(project).as_posix()
        if (place / "__init__.py").is_file():
            return place.relative_to(project).as_posix()
    return ""


if __name__ == "__main__":
    for changed_file in update():
        print(changed_file)
