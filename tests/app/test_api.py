"""What `import selfme_lib` offers, as a user would call it."""

import re

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

import selfme_lib as selfme
from data.videos import write_video
from selfme_lib.app import api
from selfme_lib.data import read_frame
from selfme_lib.motion.forms import motion_by
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.paths import PROJECT


@pytest.fixture
def pictures(tmp_path):
    """A folder of three smooth pictures, 48 pixels high and 40 wide, each moved by half a pixel more to the right."""
    y, x = np.mgrid[:48, :40]
    for number in range(3):
        shade = 128 + 50 * np.sin((x - number / 2) / 3) + 50 * np.cos(y / 4)
        Image.fromarray(np.repeat(shade.astype(np.uint8)[..., None], 3, axis=2)).save(tmp_path / f"img{number + 8}.png")
    return tmp_path


def test_the_example_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"(?ms)^```python\n(.*?)^```", readme)
    assert len([line for line in example.splitlines() if line and "import" not in line]) <= 10
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    exec(compile(example, "README.md", "exec"), {})
    assert 0.5 < float(re.search(r"moves by ([0-9.]+) pixels", capsys.readouterr().out)[1]) < 2
    assert np.asarray(Image.open("smile.png")).shape[2] == 4


def test_two_pictures_or_a_folder_of_them_become_frames(pictures):
    first, last = pictures / "img8.png", pictures / "img10.png"
    onset, apex = selfme.load(first, str(last))
    assert onset.shape == (3, 48, 40) and torch.equal(onset, read_frame(first)) and torch.equal(apex, read_frame(last))
    assert torch.equal(selfme.load(pictures, apex=2)[1], apex), "sorted by number"
    assert torch.equal(selfme.load(pictures, onset=2, apex=0)[0], apex)
    last.unlink()
    assert torch.equal(selfme.load(pictures)[1], read_frame(pictures / "img9.png")), (
        "of two frames the second is the apex"
    )
    assert selfme.load(pictures, size=32)[0].shape == (3, 32, 32)


def test_frames_of_a_video_are_taken_by_position(tmp_path):
    shades = [np.full((32, 48, 3), shade, np.uint8) for shade in (20, 90, 160, 230)]
    write_video(tmp_path / "face.mp4", shades)
    onset, apex = selfme.load(tmp_path / "face.mp4", onset=3, apex=1)
    assert onset.shape == (3, 32, 48)
    assert onset.mean().item() == pytest.approx(230 / 255, abs=0.02) and apex.mean().item() == pytest.approx(
        90 / 255, abs=0.02
    )


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda place: selfme.load("a smlie"), UsageError, "no rendered face has this name; did you mean a smile"),
        (lambda place: selfme.load(), UsageError, "got 0 arguments"),
        (lambda place: selfme.load(place), UsageError, "3 frames; say which of them is the apex, as in apex=1"),
        (lambda place: selfme.load(place, apex=3), UsageError, "has no frame 3; its 3 frames count from 0"),
        (lambda place: selfme.load(place, onset=-1, apex=2), UsageError, "has no frame -1"),
        (lambda place: selfme.load(place / "img8.png", place / "gone.png"), DataError, r"gone\.png"),
        (
            lambda place: selfme.load(place / "img8.png", place / "wide.png"),
            DataError,
            r"wide\.png: 41 x 48, not the size of",
        ),
        (
            lambda place: selfme.motion_between(torch.zeros(3, 32, 32), torch.zeros(3, 32, 33)),
            UsageError,
            "differ in size",
        ),
        (
            lambda place: selfme.amplify(*[torch.zeros(3, 32, 32)] * 2, form="affine"),
            UsageError,
            "'affine' is not one of plus",
        ),
        (lambda place: selfme.flows, AttributeError, "has no attribute 'flows'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(pictures, call, error, words):
    if "wide" in words:
        Image.new("RGB", (41, 48)).save(pictures / "wide.png")
    with pytest.raises(error, match=words) as raised:
        call(pictures)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("form", ["plus", "printed", "lucas-kanade"])
def test_motion_is_that_of_the_form(pictures, form):
    onset, apex = selfme.load(pictures, apex=2)
    flow = selfme.motion_between(onset, apex, gamma=3, form=form)
    torch.testing.assert_close(flow, motion_by(form)(onset[None], apex[None], 3.0)[0])
    assert flow.shape == (2, 48, 40) and not flow.requires_grad


def test_amplified_by_1_the_onset_comes_near_the_apex_and_by_2_it_goes_on(pictures):
    """Lucas and Kanade's motion falls short on so smooth a picture, but has its direction."""
    onset, apex = selfme.load(pictures, apex=1)
    farther = read_frame(pictures / "img10.png")

    def error(gamma, wanted):
        moved = selfme.amplify(onset, apex, gamma=gamma, form="lucas-kanade")
        return (moved - wanted)[:, 8:-8, 8:-8].abs().mean()

    assert error(0, onset) < 1e-6
    assert error(1, apex) < 0.6 * error(0, apex)
    assert error(2, farther) < 0.8 * error(1, farther) < 0.8 * error(0, farther)


def test_names_stand_for_the_functions_of_the_api():
    assert all(getattr(selfme, name) is getattr(api, name) for name in selfme.__all__)


def test_analyse_takes_a_file_and_says_what_is_wrong_with_it(tmp_path):
    from selfme_lib.spotting.analysis import analyse_file

    assert selfme.analyse is analyse_file
    (tmp_path / "me.mp4").write_text("no video")
    with pytest.raises(DataError, match=r"me\.mp4"):
        selfme.analyse(tmp_path / "me.mp4")
