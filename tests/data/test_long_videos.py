"""Readers of CAS(ME)² and SAMM Long Videos: on small trees with the traps of the real ones, and on rendered videos."""

from dataclasses import replace

import numpy as np
import openpyxl
import pytest
import trees
import videos

from selfme_lib.app import cli
from selfme_lib.data import doctor, load_clips
from selfme_lib.data.faults import FaultyData
from selfme_lib.data.images import read_pixels
from selfme_lib.data.long_videos import load_long_videos, read_long_videos
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.synthme.long_dataset import write_long_dataset
from selfme_lib.synthme.long_plan import LongConfig, labels_of, plan_videos
from selfme_lib.synthme.long_script import Behaviour

ROWS = [
    (1, "disgust1_2", 20, 25, 30, "4+7", "negative", "micro-expression", "disgust"),
    (1, "disgust1_1", 3, 6, 0, 4, "negative", "macro-expression", "disgust"),
    (2, "happy1_10", 5, 9, 12, "R12", "positive", "macro-expression", "happiness"),
]
SAMM_ROWS = [
    ("006", "006_1_1", 1, 10, 12, 20, "=F11-D11+1", "Micro - 1/2", "4+7", None),
    ("006", "006_1_2", 1, 22, -1, 30, None, "Macro", 12, "with a note"),
    (7, "7_03_1", 3, 0, 4, 9, None, "Macro", None, None),
]
BUSY = Behaviour(micro=90, macro=60, empty=0)


def casme2(root, rows=ROWS, *, frames=30, first=1, number="0101", copy="rawpic"):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    subjects, stimuli = book.create_sheet("naming rule1"), book.create_sheet("naming rule2")
    for row in ((15, "s15", 1), (19, "s19", 2), (23, "s23", 3)):
        subjects.append(row)
    for row in ((number, "disgust1"), ("0502", "happy1")):
        stimuli.append(row)
    root.mkdir(parents=True, exist_ok=True)
    book.save(root / "CAS(ME)^2code_final.xlsx")
    for place in ("s15/15_0101disgustingteeth", "s19/19_0502funnyerrors", "s19/23_0502funnyerrors"):
        for n in range(first, first + frames):
            trees.write_image(root / copy / place / f"img{n:03d}.jpg", seed=n)
    trees.write_image(root / "selectedpic/s15/15_0101disgustingteeth/img001.jpg")
    return root


def samm(root, rows=SAMM_ROWS, *, emotions=True):
    book = openpyxl.Workbook()
    book.active.cell(1, 1, "SAMM Long Videos")
    header = (
        "Subject",
        "Filename",
        "Inducement Code",
        "Onset",
        "Apex",
        "Offset",
        "Duration",
        "Type",
        "Action Units",
        "Notes",
    )
    for line, row in enumerate([header, *rows], start=10):
        for column, value in enumerate(row, start=1):
            book.active.cell(line, column, value)
    root.mkdir(parents=True, exist_ok=True)
    book.save(root / "SAMM_LongVideos_V1_Release.xlsx")
    if emotions:
        book = openpyxl.Workbook()
        book.active.append(["Subject", "Filename", "Onset Frame", "Estimated Emotion"])
        book.active.append(["006", "006_01_1", 5562, "Anger"])
        book.save(root / "SAMM_Micro_FACS_Codes_v2.xlsx")
    for place in ("006_1", "006_2", "007_3"):
        for n in range(1, 31):
            trees.write_image(root / "SAMM_longvideos" / place / f"{place}_{n:04d}.jpg", seed=n, grey=True)
    return root


def test_names_of_casme_square_map_between_its_sheets(tmp_path):
    first, second, third = load_long_videos("casme2-long", casme2(tmp_path))
    assert [video.key for video in (first, second, third)] == [
        "15/15_0101disgustingteeth",
        "19/19_0502funnyerrors",
        "23/23_0502funnyerrors",  # among the folders of s19
    ]
    assert [one.name for one in first.expressions] == ["disgust1_1", "disgust1_2"]  # by onset
    macro, micro = first.expressions
    assert (micro.kind, micro.onset, micro.apex, micro.offset) == ("micro", 20, 25, 30)
    assert (micro.action_units, micro.emotion, micro.self_report) == ("4+7", "negative", "disgust")
    assert macro.action_units == "4" and second.expressions[0].name == "happy1_10"
    assert first.fps == 30 and first.length == 30 and third.expressions == ()


def test_an_offset_of_0_was_not_seen_and_the_interval_ends_at_the_apex(tmp_path):
    macro = load_long_videos("casme2-long", casme2(tmp_path))[0].expressions[0]
    assert (macro.offset, macro.interval) == (None, (3, 6))


@pytest.mark.parametrize("number", [101, "101", 101.0])
def test_numbers_of_videos_may_have_lost_their_zero(tmp_path, number):
    assert load_long_videos("casme2-long", casme2(tmp_path, number=number))[0].expressions


def test_one_of_several_copies_is_read_and_expressions_cut_out_are_not(tmp_path):
    root = casme2(casme2(tmp_path, copy="longVideoFaceCropped"))
    contents = read_long_videos("casme2-long", root)
    assert all("rawpic" in video.place.parts for video in contents.videos)
    assert "rawpic is read, but not longvideofacecropped" in contents.faults[0].problem


def test_frames_are_streamed_by_number(tmp_path):
    video = load_long_videos("casme2-long", casme2(tmp_path, frames=12, rows=[]))[0]
    seen = dict(video.read(9, 11))
    assert list(seen) == [9, 10, 11]
    assert (seen[10] == read_pixels(video.place / "img010.jpg")).all()
    assert [number for number, _ in video.read()] == list(range(1, 13))


def test_video_files_of_casme_square(tmp_path):
    root = casme2(tmp_path, copy="elsewhere", frames=0)
    for place in ("s15/15_0101disgustingteeth", "s19/19_0502funnyerrors"):
        videos.write_video(root / "rawvideo" / f"{place}.avi", 12)
    video, _ = load_long_videos("casme2-long", casme2_labels(root, [ROWS[1], ROWS[2]]))
    assert (video.name, video.frames, video.length) == ("15_0101disgustingteeth", (), 12)
    seen = list(video.read(3, 5))
    assert [number for number, _ in seen] == [3, 4, 5]
    assert [round(pixels.mean() / 20) for _, pixels in seen] == [2, 3, 4]  # frame t, from 0, is grey 20 t
    assert len(list(video.read())) == 12


def casme2_labels(root, rows):
    book = openpyxl.load_workbook(root / "CAS(ME)^2code_final.xlsx")
    book.active.delete_rows(1, 10)
    for row in rows:
        book.active.append(row)
    book.save(root / "CAS(ME)^2code_final.xlsx")
    return root


def test_samm_long_videos(tmp_path):
    first, second, third = load_long_videos("samm-long", samm(tmp_path))
    assert [video.key for video in (first, second, third)] == ["006/006_1", "006/006_2", "007/007_3"]
    micro, macro = first.expressions
    assert (micro.kind, micro.onset, micro.apex, micro.offset, micro.action_units) == ("micro", 10, 12, 20, "4+7")
    assert micro.emotion == "anger" and macro.emotion == ""  # only micro-expressions are in SAMM's own sheet
    assert (macro.kind, macro.apex, macro.interval) == ("macro", None, (22, 30))  # -1: unknown
    assert second.expressions == () and first.fps == 200
    (before,) = third.expressions  # 7_03_1 is of 007_3
    assert (before.onset, before.interval) == (None, (1, 9))  # 0: before the video


def test_emotions_are_empty_without_samms_own_sheet(tmp_path):
    assert load_long_videos("samm-long", samm(tmp_path, emotions=False))[0].expressions[0].emotion == ""


def test_an_expression_beyond_the_last_frame_is_left_out_with_a_note(tmp_path):
    root = samm(tmp_path, [*SAMM_ROWS, ("006", "006_2_1", 2, 20, 25, 31, None, "Macro", 4, None)])
    contents = read_long_videos("samm-long", root)
    (note,) = contents.faults
    assert (note.severity, note.row) == ("note", 14) and "ends at frame 31, but the video has 30" in note.problem
    assert contents.videos[1].expressions == ()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((9, *ROWS[0][1:]), "subject '9' is not in the second sheet"),
        ((1, "joy_1", *ROWS[0][2:]), "video 'joy_1' is not in the third sheet"),
        ((1, "happy1_1", *ROWS[0][2:]), "no frames and no video 15_0502"),
        ((*ROWS[0][:7], "micro", "disgust"), "type 'micro' is neither"),
        ((1, "disgust1_3", 9, 8, 12, *ROWS[0][5:]), "not in order"),
        ((1, "disgust1_3", 9, 0, 0, *ROWS[0][5:]), "neither an apex nor an offset"),
        ((1, "disgust1_3", "soon", 10, 12, *ROWS[0][5:]), "onset 'soon' is not a frame number"),
    ],
)
def test_a_row_that_cannot_be_understood_is_named(tmp_path, row, words):
    with pytest.raises(DataError, match=words) as raised:
        load_long_videos("casme2-long", casme2(tmp_path, [*ROWS, row]))
    assert "row 4" in str(raised.value)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("006", "006-1-1", *SAMM_ROWS[0][2:]), "Filename '006-1-1' is not such as 006_1_2"),
        (("008", "008_1_1", *SAMM_ROWS[0][2:]), "no folder 008_1"),
        ((*SAMM_ROWS[0][:7], "Blink", "4", None), "Type 'Blink' is neither"),
    ],
)
def test_a_row_of_samm_that_cannot_be_understood_is_named(tmp_path, row, words):
    with pytest.raises(DataError, match=words):
        load_long_videos("samm-long", samm(tmp_path, [*SAMM_ROWS, row]))


def test_frames_that_do_not_count_from_1_are_an_error(tmp_path):
    with pytest.raises(FaultyData, match="its first frame is 5, but labels count from 1"):
        load_long_videos("casme2-long", casme2(tmp_path, first=5))


def test_an_unknown_data_set_is_a_wrong_call(tmp_path):
    with pytest.raises(UsageError, match="use one of casme2-long, samm-long"):
        load_long_videos("casme2", tmp_path)


@pytest.mark.parametrize("layout", ["casme2-long", "samm-long"])
def test_every_field_of_rendered_videos_comes_back(tmp_path, layout):
    config = LongConfig(subjects=2, videos=2, seconds=2, fps=15, size=32, layout=layout, behaviour=BUSY)
    config = replace(config, missing_labels=0.5)
    root = write_long_dataset(tmp_path / "made", config, workers=1)
    found = load_long_videos(layout, root)
    planned = plan_videos(config)
    assert [(video.subject, video.name) for video in found] == [(v.files.subject, v.files.name) for v in planned]
    classes = {"disgust": "negative", "repression": "negative", "happiness": "positive"}
    missing = 0
    for video, plan in zip(found, planned):
        labels = labels_of(config, plan)
        assert len(video.expressions) == len(labels)
        assert (video.fps, video.length) == (15, 30)
        for expression, label in zip(video.expressions, labels):
            assert (expression.kind, expression.onset, expression.apex, expression.offset) == (
                label.kind, label.onset, label.apex, label.offset
            )  # fmt: skip
            assert expression.action_units == label.action_units
            assert expression.name.endswith(f"_{label.number}")
            missing += None in (label.apex, label.offset)
            if layout == "casme2-long":
                assert expression.emotion == classes.get(label.emotion, label.emotion)
                assert expression.self_report == label.emotion
            else:
                said = {"repression": "contempt"}.get(label.emotion, label.emotion)
                assert expression.emotion == (said if label.kind == "micro" else "")
        for number, pixels in video.read(1, 2):
            assert (pixels == read_pixels(video.frames[number - 1])).all() and np.ptp(pixels) > 50
    assert missing
    examination = doctor.examine(layout, root)
    assert not examination.errors and examination.summary["videos"] == 4 and examination.summary["frames"] == 120
    with pytest.raises(DataError, match=f"long videos, which are no clips; examine them as {layout}"):
        load_clips("synthme", root)


def test_rendered_video_files_come_back(tmp_path):
    config = LongConfig(subjects=1, seconds=2, fps=15, size=32, codec="h264", behaviour=BUSY)
    root = write_long_dataset(tmp_path / "made", config, workers=1)
    (video,) = load_long_videos("casme2-long", root)
    assert (video.place.suffix, video.length, len(video.expressions)) == (
        ".avi",
        30,
        len(labels_of(config, *plan_videos(config))),
    )
    assert [number for number, pixels in video.read(4, 6) if np.ptp(pixels) > 50] == [4, 5, 6]
    assert not doctor.examine("casme2-long", root).errors


def test_the_doctor_counts_and_finds_damage(tmp_path, capfd):
    root = casme2(tmp_path)
    frame = root / "rawpic/s15/15_0101disgustingteeth/img007.jpg"
    frame.write_bytes(frame.read_bytes()[:-40])
    (root / "rawpic/s19/19_0502funnyerrors/img009.jpg").unlink()
    assert cli.run(["doctor", "--dataset", "casme2-long", "--root", str(root)]) == 1
    said = capfd.readouterr().out
    for words in ("truncated image", "1 frames are missing", "1 expressions have no onset, apex or offset"):
        assert words in " ".join(said.split())
    assert "videos 3, subjects 3, micro 1, macro 2, without_expression 1, frames 89" in said


@pytest.mark.parametrize("dataset", ["casme2-long", "samm-long"])
def test_a_useless_folder_is_one_error_and_not_an_exception(tmp_path, dataset):
    for root in (tmp_path, tmp_path / "nowhere"):
        examination = doctor.examine(dataset, root)
        assert len(examination.errors) == len(examination.faults) == 1
        assert str(root) in examination.errors[0].line and set(examination.summary.values()) == {0}
