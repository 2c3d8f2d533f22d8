"""Random damage: a data set is read in full, or refused in one line; it is never read in part without a word."""

import random
import shutil

import openpyxl
import pytest
import trees

from selfme_lib.data import examine, load_clips, load_onset_apex
from selfme_lib.errors import DataError

CLIPS = {"casme2": 6, "smic": 5}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    root = tmp_path_factory.mktemp("sound")
    trees.casme2(root / "casme2")
    trees.smic_cropped(root / "smic")
    return root


def any_file(root, generator):
    return generator.choice(sorted(path for path in root.rglob("*") if path.is_file()))


def any_folder(root, generator):
    return generator.choice(sorted(path for path in root.rglob("*") if path.is_dir()))


def remove_a_file(root, generator):
    any_file(root, generator).unlink()


def empty_a_file(root, generator):
    any_file(root, generator).write_bytes(b"")


def cut_a_file(root, generator):
    path = any_file(root, generator)
    content = path.read_bytes()
    path.write_bytes(content[: generator.randrange(len(content))])


def overwrite_bytes(root, generator):
    path = any_file(root, generator)
    content = bytearray(path.read_bytes())
    for _ in range(generator.randrange(1, 40)):
        content[generator.randrange(len(content))] = generator.randrange(256)
    path.write_bytes(content)


def replace_by_text(root, generator):
    any_file(root, generator).write_text("<html>404</html>")


def rename_a_file(root, generator):
    path = any_file(root, generator)
    path.rename(path.with_name(generator.choice(["x", "Copy of ", "reg_", "0"]) + path.name))


def copy_a_file(root, generator):
    path = any_file(root, generator)
    shutil.copy(path, path.with_name(path.stem + generator.choice([" (1)", "0", ".bak"]) + path.suffix))


def file_instead_of_folder(root, generator):
    path = any_folder(root, generator)
    shutil.rmtree(path)
    path.write_text("")


def remove_a_folder(root, generator):
    shutil.rmtree(any_folder(root, generator))


def rename_a_folder(root, generator):
    path = any_folder(root, generator)
    path.rename(path.with_name(generator.choice([path.name + " - Copy", "x" + path.name, path.name + "0"])))


def copy_a_folder(root, generator):
    path = any_folder(root, generator)
    shutil.copytree(path, path.with_name(path.name + generator.choice([" - Copy", "0", "_old"])))


def change_a_cell(root, generator):
    """Any cell of the label file; for SMIC, which has none, any file is emptied instead."""
    path = root / trees.LABEL_FILE
    if not path.exists():
        return empty_a_file(root, generator)
    workbook = openpyxl.load_workbook(path)
    row, column = generator.randrange(1, len(trees.ROWS) + 2), generator.randrange(1, 10)
    cell = workbook.active.cell(row, column)
    cell.value = generator.choice([None, "x", -1, 0, 3.5, 999, "46", True, "=1/0", "happiness", "Subject", "/", " "])
    workbook.save(path)


DAMAGES = (
    remove_a_file,
    empty_a_file,
    cut_a_file,
    overwrite_bytes,
    replace_by_text,
    rename_a_file,
    copy_a_file,
    file_instead_of_folder,
    remove_a_folder,
    rename_a_folder,
    copy_a_folder,
    change_a_cell,
)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("dataset", ["casme2", "smic"])
def test_damage_is_harmless_or_refused(sound, tmp_path, dataset, damage, seed):
    root = tmp_path / "root"
    shutil.copytree(sound / dataset, root)
    damage(root, random.Random(f"{dataset} {damage.__name__} {seed}"))
    examination = examine(dataset, root)
    try:
        clips = load_clips(dataset, root, apex_rule="middle" if dataset == "smic" else "label")
        onset, apex = load_onset_apex(clips, 8)
    except DataError as error:
        assert str(error) and "\n" not in str(error)
        assert examination.errors, f"the doctor finds nothing where loading says: {error}"
        return
    assert onset.isfinite().all() and apex.isfinite().all()
    notes = "\n".join(fault.line for fault in examination.faults)
    official = f"{len(clips)} clips of {len({clip.subject for clip in clips})} subjects"
    assert len(clips) == CLIPS[dataset] or official in notes
