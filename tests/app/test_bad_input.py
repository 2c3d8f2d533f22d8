"""Whatever is handed to a command, a failure is one line that names it, exit code 1 (data) or 2 (usage), no traceback."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from data import trees
from selfme_lib.app import cli
from selfme_lib.data import Examination
from selfme_lib.motion import checkpoint
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.motion.settings import LearnerConfig
from selfme_lib.runtime.files import write_json

CSV = "subject,clip,label,prediction\n"
LEARNER = ["--checkpoint", "learner.safetensors"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Things that are no good, and a few that are."""
    root = tmp_path_factory.mktemp("input")
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    cv2.imwrite(str(root / "face.png"), noise)
    (root / "cut.png").write_bytes((root / "face.png").read_bytes()[:2000])
    (root / "zero.png").write_bytes(b"")
    (root / "file").write_text("not what was wanted")
    (root / "empty").mkdir()
    (root / "link.png").symlink_to("face.png")
    (root / "loop").symlink_to("loop")
    sizes = LearnerConfig(size=32, keypoints=3, width=8, depth=2, max_width=16, generator_width=4)
    checkpoint.save(MotionLearner(sizes), root / "learner.safetensors")
    (root / "cut.safetensors").write_bytes((root / "learner.safetensors").read_bytes()[:-100])
    save_file({"weight": torch.zeros(2)}, root / "other.safetensors")
    save_file({"weight": torch.zeros(2)}, root / "another.safetensors", metadata={"config": "{}"})
    for person in ("ada", "bob"):
        for frame in range(2):
            (root / "faces" / person).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / "faces" / person / f"{frame}.png"), noise)
    (root / "given").mkdir()
    (root / "given/labels.csv").write_text("subject,clip,label\nada,c,negative\n")
    for place in ("half", "damaged"):
        trees.smic_raw(root / place)
    (root / "half/SMIC_HS_E/s01/s1_po_01/image98.jpg").write_bytes(b"")
    cut = root / "damaged/SMIC_HS_E/s01/s1_po_01/image98.jpg"
    cut.write_bytes(cut.read_bytes()[:300])
    late = [replace(trees.ROWS[0], onset=60), *trees.ROWS[1:]]
    trees.casme2(root / "late", rows=late)
    trees.casme2(root / "columns")
    header = [None if title == "ApexFrame" else title for title in trees.HEADER]
    trees.write_label_file(root / "columns" / trees.LABEL_FILE, header=header)
    (root / "synthme").mkdir()
    (root / "synthme/synthme.json").write_text("{")
    (root / "state").mkdir()
    (root / "state/state.ckpt").write_text("x")
    write_json(root / "run/profile.json", {})
    (root / "run/results").mkdir()
    (root / "run/results/05_scores.json").write_text("{")
    return root


@pytest.fixture
def call(folder, monkeypatch, capfd):
    """A command that must fail: its exit code, standard output and the one line on standard error."""

    def run(*arguments):
        monkeypatch.chdir(folder)
        before = {path for path in folder.rglob("*") if not path.name.endswith(".lock")}
        code = cli.run(list(map(str, arguments)))
        captured = capfd.readouterr()
        lines = captured.err.strip().splitlines()
        assert len(lines) == 1 and lines[0].startswith("selfme: "), captured.err
        assert ";" in lines[0] or code == 2, f"{lines[0]} does not say what to do"
        assert {path for path in folder.rglob("*") if not path.name.endswith(".lock")} == before
        return code, captured.out, lines[0]

    return run


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be read as CSV"),
        (CSV.encode(), "no rows"),
        (b"subject,clip,label\n1,a,0\n", "no column prediction"),
        (f"{CSV}1,a,0,happy\n".encode(), "prediction happy is not a class"),
        (f"{CSV}1,a,0,3\n".encode(), "prediction 3 is not a class"),
        (f"{CSV}1,a,0,1,0.9\n".encode(), "more fields than the first line names"),
        (f"{CSV}1,\xe9,0,1\n".encode("latin-1"), "not UTF-8 text"),
        (f"{CSV}1,a,0,1\n".encode("utf-16"), "not UTF-8 text"),
    ],
)
def test_score(folder, call, content, words):
    (folder / "predictions.csv").write_bytes(content)
    code, out, line = call("score", "predictions.csv")
    assert (code, out) == (1, "")
    assert "predictions.csv: " in line and words in line


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("missing.png", "no such file"),
        ("empty", "a folder where an image should be"),
        ("zero.png", "empty file"),
        ("cut.png", "truncated image"),
        ("file", "not a JPEG, BMP or PNG image"),
    ],
)
def test_motion_of_what_is_no_image(call, image, words):
    for pair in ((image, "face.png"), ("face.png", image)):
        code, _, line = call("motion", *pair, "--out", "flow.npy", *LEARNER)
        assert code == 1
        assert f"{image}: {words}" in line


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--out", "file/flow.npy", *LEARNER], 1, "file: File exists"),
        (["--out", "empty", *LEARNER], 1, "empty: a folder where a file is to be written"),
        (["--out", "flow.npy", "--gamma", "nan", *LEARNER], 2, "--gamma"),
        (["--out", "flow.npy", "--gamma", "1e300", *LEARNER], 2, "--gamma"),
        (["--out", "flow.npy", "--gamma", "two", *LEARNER], 2, "--gamma"),
        *[(["--out", "flow.npy", f"--gamma={gamma}", *LEARNER], 2, "--gamma") for gamma in ("1e300", "inf", "-1")],
        (["--out", "face.png", *LEARNER], 2, "face.png: would overwrite face.png; choose another name"),
        (["--out", "link.png", *LEARNER], 2, "link.png: would overwrite face.png"),
        (["--out", "learner.safetensors", *LEARNER], 2, "would overwrite learner.safetensors"),
        (["--out", "new.png", "--png", "empty/../new.png", *LEARNER], 2, "would overwrite new.png"),
        (["--out", "loop", *LEARNER], 1, "loop: Too many levels of symbolic links"),
        (["--out", "/dev/null", *LEARNER], 1, "/dev/null: not a plain file"),
        (["--out", "flow.npy", "--checkpoint", "missing"], 1, "missing: no such checkpoint"),
        (["--out", "flow.npy", "--checkpoint", "file"], 1, "file: not a checkpoint"),
        (["--out", "flow.npy", "--checkpoint", "zero.png"], 1, "zero.png: not a checkpoint"),
        (["--out", "flow.npy", "--checkpoint", "cut.safetensors"], 1, "cut.safetensors: not a checkpoint"),
        (["--out", "flow.npy", "--checkpoint", "other.safetensors"], 1, "no 'config' in its metadata"),
        (["--out", "flow.npy", "--checkpoint", "another.safetensors"], 1, "another.safetensors: not a checkpoint"),
    ],
)
def test_motion_with_bad_options(call, options, code, words):
    found, _, line = call("motion", "face.png", "face.png", *options)
    assert (found, words in line) == (code, True), line


@pytest.mark.parametrize(
    ("dataset", "root", "words"),
    [
        ("casme2", "missing", "no such folder"),
        ("casme2", "empty", "no folders sub01"),
        ("smic", "file", "a file where a folder should be"),
        ("smic", "half", "empty file"),
        ("smic", "damaged", "truncated image"),
        ("casme2", "columns", "no column ApexFrame"),
        ("casme2", "late", "onset 60 comes after apex 59"),
        ("synthme", "empty", "not SynthME"),
        ("synthme", "synthme", "damaged, DataError"),
        ("samm", "late", "no folders such as 006"),
        ("casme3", "late", "no folders spNO.1"),
        ("composite", "late", "no folder casme2, smic, samm"),
        ("features", "empty", "no CSV of labels in it"),
        ("features", "given", "0 pictures named ada/c"),
    ],
)
def test_a_faulty_data_set_is_named_by_doctor_and_before_any_notebook_runs(call, monkeypatch, dataset, root, words):
    monkeypatch.setattr("selfme_lib.app.runner.reproduce", lambda *_, **__: pytest.fail("notebooks were run"))
    code, out, line = call("doctor", "--dataset", dataset, "--root", root)
    assert (code, words in out, root in line) == (1, True, True), out
    options = ["--only", "08"] if dataset == "features" else []
    code, out, line = call(
        "reproduce", "--profile", "smoke", "--dataset", dataset, "--root", root, "--out", "new", *options
    )
    assert (code, out) == (1, "")
    assert words in line or f"{root}: no such folder" in line


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "expected `name: value` lines"),
        ("motion: [", "not valid YAML"),
        ("profile: quik", "smoke"),
        ("profile: smoke\nmotoin: {}", "did you mean motion?"),
        ("profile: smoke\n1: 2", "1 is unknown"),
        ("profile: smoke\nmotion: {gama: 1}", "did you mean gamma?"),
        ("profile: smoke\nmotion: {gamma: two}", "motion.gamma: expected a number"),
        ("profile: smoke\nmotion: {gamma: .nan}", "motion.gamma: should be a finite number"),
        ("profile: smoke\nseed: x", "seed: expected a whole number"),
        ("profile: smoke\ndata: {subjects: 1}", "data.subjects: should be greater than or equal to 2"),
        ("profile: smoke\ndata: {dataset: smic, root: .}", "SMIC"),
        ("profile: smoke\nclassifier: {epochs: 0}", "epochs"),
        ("profile: smoke\nevaluation: {workers: 0}", "evaluation.workers: should be greater than or equal to 1"),
        ("profile: smoke\nevaluation: {rivals: {vgg61: {}}}", "did you mean vgg16?"),
        (
            "profile: smoke\nevaluation: {rivals: {vgg16: {epochs: 0}}}",
            "vgg16.epochs: should be greater than or equal to 1",
        ),
        ("profile: smoke\nevaluation: {rivals: {tcae: {size: 100}}}", "tcae: size 100 is not a power of two"),
        ("profile: smoke\ndata: {dataset: features, root: .}", "add --only 08"),
    ],
)
def test_a_profile_of_ones_own(folder, call, monkeypatch, content, words):
    monkeypatch.setattr("selfme_lib.app.runner.reproduce", lambda *_, **__: pytest.fail("notebooks were run"))
    monkeypatch.setattr("selfme_lib.data.examine", lambda *_, **__: Examination([], {"subjects": 2}))
    (folder / "mine.yaml").write_text(content)
    code, out, line = call("reproduce", "--profile", "mine.yaml", "--out", "new")
    assert (code, out) == (2, "")
    assert words in line


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["reproduce", "--profile", "smoke", "--out", "file"], 1, "file"),
        (["synth", "file"], 1, "file: File exists"),
        (["synth", "synthme"], 1, "synthme.json: damaged, not JSON"),
        (["synth", "faces"], 1, "faces: the folder is not empty"),
        (["report", "file"], 1, "file: no such folder"),
        (["report", "empty"], 1, "empty: not a run"),
        (["report", "run"], 1, "05_scores.json: damaged, not JSON"),
    ],
)
def test_folders_to_write_to_and_runs(call, arguments, code, words):
    found, _, line = call(*arguments)
    assert (found, words in line) == (code, True), line


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["new", "--dataset", "voxceleb"], 2, "--root DIR"),
        (["new", "--root", "faces"], 2, "add --dataset voxceleb"),
        (["new", "--dataset", "voxceleb", "--root", "faces", "--persons", "20"], 2, "--persons 20: counts rendered"),
        (["new", "--dataset", "vox", "--root", "faces"], 2, "--dataset"),
        (["new", "--precision", "fp8"], 2, "--precision"),
        (["new", "--devices", "two"], 2, "--devices"),
        (["file", "--dataset", "voxceleb", "--root", "faces"], 1, "file: File exists"),
        (["new", "--dataset", "voxceleb", "--root", "missing"], 1, "missing: no such folder"),
        (["new", "--dataset", "voxceleb", "--root", "empty"], 1, "empty: no folder with two or more images"),
        (["new", "--dataset", "voxceleb", "--root", "file"], 1, "file: a file where a folder should be"),
        (["new", "--dataset", "voxceleb", "--root", "faces/ada"], 1, "only one person"),
    ],
)
def test_pretrain(call, arguments, code, words):
    found, _, line = call("pretrain", *arguments)
    assert (found, words in line) == (code, True), line


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has what is asked for")
def test_pretrain_on_a_device_that_is_not_there(call):
    code, _, line = call("pretrain", "new", "--accelerator", "cuda")
    assert code == 2 and "--accelerator cuda" in line


def test_a_damaged_state_is_named(folder, monkeypatch, capfd):
    monkeypatch.chdir(folder)
    options = ["--dataset", "voxceleb", "--root", "faces", "--size", "32", "--steps", "1", "--accelerator", "cpu"]
    assert cli.run(["pretrain", "state", *options]) == 1
    assert "state.ckpt: damaged" in capfd.readouterr().err.splitlines()[-1]
    assert not Path("state/motion.safetensors").exists()
