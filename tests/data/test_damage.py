"""Random damage: a data set is read in full, or refused in one line; it is never silently read in part."""

import json
import os
import random
import shutil
import struct

import openpyxl
import pytest
import trees

from selfme_lib.data import examine, load_clips, load_onset_apex
from selfme_lib.runtime.errors import DataError

CLIPS = {"casme2": 6, "smic": 5, "samm": 5, "casme3": 4}
SEEDS = 3
LABEL_FILES = {"casme2": trees.LABEL_FILE, "samm": trees.SAMM_FILE, "casme3": f"{trees.CASME3_FILE}.csv"}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    root = tmp_path_factory.mktemp("sound")
    trees.casme2(root / "casme2")
    trees.smic_cropped(root / "smic")
    trees.samm(root / "samm")
    trees.casme3(root / "casme3", suffix=".csv")
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


def swap_two_files(root, generator):
    """Two files of one type exchange their contents and keep their names."""
    first = any_file(root, generator)
    second = generator.choice(sorted(path for path in root.rglob(f"*{first.suffix}") if path.is_file()))
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


def swap_two_folders(root, generator):
    """Two folders side by side exchange their names."""
    first = any_folder(root, generator)
    second = generator.choice(sorted(path for path in first.parent.iterdir() if path.is_dir()))
    if first != second:
        aside = first.rename(first.with_name("aside"))
        second.rename(first)
        aside.rename(second)


def folder_instead_of_file(root, generator):
    path = any_file(root, generator)
    path.unlink()
    path.mkdir()


def link_that_leads_back(root, generator):
    folder = any_folder(root, generator)
    folder.joinpath(generator.choice(["sub99", "s99", "099", "spNO.99", "again"])).symlink_to(root)


def link_to_nowhere(root, generator):
    path = any_file(root, generator)
    path.unlink()
    path.symlink_to("gone")


def pipe_instead_of_file(root, generator):
    path = any_file(root, generator)
    path.unlink()
    os.mkfifo(path)


def name_in_another_encoding(root, generator):
    path = any_file(root, generator)
    path.rename(os.fsdecode(os.fsencode(path.parent) + b"/\xd0\xc2" + os.fsencode(path.name)))


def forbid_to_read(root, generator):
    generator.choice([any_file, any_folder])(root, generator).chmod(0)


def huge_picture(root, generator):
    """A header that promises 4 gigapixels."""
    path = any_file(root, generator)
    path.write_bytes(
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 60, 0, 0, 54, 40, 65000, 65000, 1, 24, 0, 0, 0, 0, 0, 0) + b"0000"
    )


def other_encoding(root, generator):
    """The label file as other programs save it: other bytes for the same text."""
    path = label_file(root)
    if path is None or path.suffix == ".xlsx":
        return replace_by_text(root, generator)
    text = path.read_text(encoding="utf-8-sig")
    path.write_bytes(generator.choice([text.encode("utf-16"), text.encode("utf-8"), ("注" + text).encode("gbk")]))


def label_file(root):
    return next((root / name for name in LABEL_FILES.values() if (root / name).exists()), None)


def edit_table(root, generator, edit):
    """Change the rows of the label file; the first is the header. SMIC has none: there a file is emptied."""
    path = label_file(root)
    if path is None:
        return empty_a_file(root, generator)
    if path.suffix == ".csv":
        rows = [line.split(",") for line in path.read_text(encoding="utf-8-sig").splitlines()]
        edit(rows)
        path.write_text("\n".join(",".join("" if cell is None else str(cell) for cell in row) for row in rows))
        return None
    workbook = openpyxl.load_workbook(path)
    sheet = workbook.active
    first = 14 if path.name == trees.SAMM_FILE else 1
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=first)]
    edit(rows)
    sheet.delete_rows(first, sheet.max_row)
    for number, row in enumerate(rows, start=first):
        for column, value in enumerate(row, start=1):
            sheet.cell(number, column, value)
    return workbook.save(path)


def change_a_cell(root, generator):
    def edit(rows):
        row = generator.choice(rows)
        row[generator.randrange(len(row))] = generator.choice(
            [None, "x", -1, 0, 3.5, 999, "46", True, "=1/0", "happiness", "Subject", "/", " ", "１２", "9" * 400, "é"]
        )

    edit_table(root, generator, edit)


def shuffle_columns(root, generator):
    """With their headers, which is harmless, or without."""

    def edit(rows):
        order = generator.sample(range(len(rows[0])), len(rows[0]))
        for row in rows[generator.randrange(2) :]:
            row[:] = [row[place] for place in order]

    edit_table(root, generator, edit)


def shuffle_rows(root, generator):
    edit_table(root, generator, generator.shuffle)


def drop_a_row(root, generator):
    edit_table(root, generator, lambda rows: rows.pop(generator.randrange(len(rows))))


def text_in_number_cells(root, generator):
    def edit(rows):
        for row in rows[1:]:
            row[:] = [f" {cell} " if isinstance(cell, int) else cell for cell in row]
        place = generator.randrange(len(rows[0]))
        generator.choice(rows[1:])[place] = generator.choice(["forty", "4O", "12-", "#REF!", "1e3"])

    edit_table(root, generator, edit)


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
    swap_two_files,
    swap_two_folders,
    folder_instead_of_file,
    link_that_leads_back,
    link_to_nowhere,
    pipe_instead_of_file,
    name_in_another_encoding,
    huge_picture,
    other_encoding,
    shuffle_columns,
    shuffle_rows,
    drop_a_row,
    text_in_number_cells,
    pytest.param(
        forbid_to_read,
        marks=pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root"),
        id="forbid_to_read",
    ),
)


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("dataset", CLIPS)
def test_damage_is_harmless_or_refused(sound, tmp_path, dataset, damage, seed):
    root = tmp_path / "root"
    shutil.copytree(sound / dataset, root)
    damage(root, random.Random(f"{dataset} {damage.__name__} {seed}"))
    examination = examine(dataset, root)
    try:
        clips = load_clips(dataset, root, apex_rule="middle" if dataset == "smic" else "label")
        onset, apex = load_onset_apex(clips, 8)
    except DataError as error:
        assert str(error) and "\n" not in str(error) and ": " in str(error)
        assert examination.errors, f"the doctor finds nothing where loading says: {error}"
        return
    json.dumps(examination.to_dict(), allow_nan=False)
    assert onset.isfinite().all() and apex.isfinite().all()
    notes = "\n".join(fault.line for fault in examination.faults)
    official = f"{len(clips)} clips of {len({clip.subject for clip in clips})} subjects"
    assert len(clips) == CLIPS[dataset] or official in notes


def test_there_are_at_least_two_hundred_cases():
    assert len(DAMAGES) * SEEDS * len(CLIPS) >= 200
