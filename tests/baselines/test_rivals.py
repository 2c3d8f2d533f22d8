from dataclasses import fields, replace

import pytest
import torch

from selfme_lib.baselines import rivals
from selfme_lib.baselines.rivals import RIVALS, Rival, fit_predict, train
from selfme_lib.baselines.settings import RivalsConfig
from selfme_lib.baselines.training import Moves
from selfme_lib.runtime.errors import UsageError
from selfme_lib.study import profiles
from toy_motion import moving_blobs, run_loso

SETTINGS = profiles.load("smoke").evaluation.rivals
MOTION, LABELS, SUBJECTS, CLIPS = moving_blobs(3, 4, size=32)


def seen_by(method, size):
    if RIVALS[method].network is None:
        return MOTION.flatten(1)[:, :64, None, None].contiguous()
    if RIVALS[method].sees == "action vectors":
        return MOTION.flatten(1)[:, :16, None, None].contiguous()
    inputs = torch.nn.functional.interpolate(MOTION, size=size)
    return inputs if RIVALS[method].sees == "flow" else torch.cat([inputs, inputs[:, :1].abs()], dim=1)


def test_settings_and_methods_have_the_same_names():
    names = {field.name for field in fields(RivalsConfig)} - {"tcae"}
    assert names == set(RIVALS)


@pytest.mark.parametrize("method", RIVALS)
def test_every_rival_trains_and_gives_probabilities(method):
    settings = getattr(SETTINGS, method)
    inputs = seen_by(method, settings.size)
    probabilities = fit_predict(Rival(method, settings, Moves(flip=True)), inputs[:8], LABELS[:8], inputs[8:], seed=0)
    assert probabilities.shape == (4, 3)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(4))


@pytest.mark.parametrize("method", ["ststnet", "off_apexnet", "dual_inception", "featref", "bi_woof"])
def test_what_can_learn_learns(method):
    motion, labels, *_ = moving_blobs(4, 9, size=28)
    settings = getattr(SETTINGS, method)
    inputs = motion
    if method == "bi_woof":
        from selfme_lib.baselines.inputs import bi_woof_inputs, flow_inputs

        inputs = bi_woof_inputs(flow_inputs(motion, 28, strain=True), blocks=4, bins=8)
    else:
        settings = replace(settings, size=28, width=max(settings.width, 0.25), epochs=15, lr=4e-3)
        if method == "ststnet":
            settings = replace(settings, epochs=40, lr=2e-2)
            inputs = torch.cat([motion, motion.norm(dim=1, keepdim=True)], dim=1)
    predict = train(Rival(method, settings), inputs[:27], labels[:27], seed=0)
    assert (predict(inputs[27:]).argmax(1) == labels[27:]).float().mean() > 0.7


def test_a_rival_goes_through_leave_one_subject_out_and_its_folds_are_its_own(tmp_path):
    rows = []
    for method in ("off_apexnet", "dual_inception"):
        settings = getattr(SETTINGS, method)
        inputs = seen_by(method, settings.size)
        options = {"seed": 0, "store": tmp_path, "fit_predict": fit_predict}
        rows.append(run_loso(Rival(method, settings), inputs, LABELS.tolist(), SUBJECTS, CLIPS, **options))
        assert len(list(tmp_path.glob("fold-*.json"))) == 3 * len(rows)  # the same settings, and yet not the same folds
    assert not rows[0][["p0", "p1", "p2"]].equals(rows[1][["p0", "p1", "p2"]])


def test_without_a_network_pretrained_rivals_start_from_random_weights(monkeypatch, capsys):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(rivals, "imagenet_state", offline)
    rival = Rival("vgg16", replace(SETTINGS.vgg16, width=1.0, pretrained=True))
    assert rivals.with_available_weights(rival) == replace(rival, settings=replace(rival.settings, pretrained=False))
    assert "ImageNet weights of VGG16 are not available (no network)" in capsys.readouterr().err
    plain = Rival("lbp_top", SETTINGS.lbp_top)
    assert rivals.with_available_weights(plain) is plain


def test_pretrained_weights_are_taken_over_but_for_the_classifier(monkeypatch):
    torch.manual_seed(1)
    teacher = {name: torch.full_like(value, 0.5) for name, value in _googlenet(1000).state_dict().items()}
    monkeypatch.setattr(rivals, "imagenet_state", lambda method: teacher)
    rival = Rival("googlenet", replace(SETTINGS.googlenet, pretrained=True))
    network = rivals.build(rival, channels=3)
    assert network.body.conv1.conv.weight.eq(0.5).all()
    assert network.body.fc.weight.shape == (3, 1024) and not network.body.fc.weight.eq(0.5).any()


def _googlenet(classes):
    from selfme_lib.baselines.googlenet import GoogLeNet

    return GoogLeNet(classes=classes).body


def test_there_are_no_pretrained_weights_for_small_networks():
    rival = Rival("ststnet", replace(SETTINGS.ststnet, pretrained=True))
    with pytest.raises(UsageError, match="ststnet: no pretrained weights"):
        rivals.with_available_weights(rival)
