"""Published checkpoints: a net as published, its file, and what becomes of it here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII
from tomoscout.inference.published import read_published
from tomoscout.inference.weights import load_detector, save_detector

WIDTHS = (32, 24, 16, 12, 8)  # the published ones are eight times as wide
NAMES = ("apo-ferritin", "beta-amylase", "beta-galactosidase", "ribosome", "thyroglobulin")


class Published(nn.Module):
    """The published net's module tree: all four heads, and a block that nobody uses."""

    def __init__(self, encoder: str, channels: int) -> None:
        super().__init__()
        from monai.networks.nets import FlexibleUNet
        from monai.networks.nets.flexible_unet import SegmentationHead

        net = FlexibleUNet(
            1, channels, encoder, pretrained=False, decoder_channels=WIDTHS, spatial_dims=3
        )
        self.encoder, self.decoder = net.encoder, net.decoder
        self.segmentation_heads = nn.ModuleList(
            SegmentationHead(3, width, channels) for width in WIDTHS[:-1]
        )
        for module in self.modules():
            if isinstance(module, nn.BatchNorm3d):
                module.running_mean.normal_(std=0.1)
                module.running_var.uniform_(0.5, 2.0)

    def forward(self, x):
        """Logits from coarse to fine, as published."""
        features, out = self.encoder(x), []
        y = features[-1]
        for n, head in enumerate(self.segmentation_heads):
            y = self.decoder.blocks[n](y, features[-2 - n])
            out.append(head(y))
        return out


def make(encoder: str = "efficientnet-b0", channels: int = 7) -> Published:
    torch.manual_seed(1)
    return Published(encoder, channels).eval()


@pytest.fixture(scope="module")
def net() -> Published:
    return make()


def competition(net: nn.Module, path: Path) -> Path:
    torch.save({"model": {f"backbone.{k}": v for k, v in net.state_dict().items()}}, path)
    return path


def hyperparameters(names=CZII.names) -> dict:
    """What TopCUP passes to Lightning, with the types it passes."""
    return {
        "nclasses": len(names),
        "backbone_args": {"spatial_dims": 3, "backbone": "resnet34"},
        "lvl_weights": np.array([0, 0, 1, 1]),
        "learning_rate": 1e-4,
        "output_dir": Path("output/jobs/0"),
        "particle_ids": {name: n for n, name in enumerate(names)},
        "particle_radius": {name: 70.0 + n for n, name in enumerate(names)},
        "particle_weights": dict.fromkeys(names, 2),
        "score_thresholds": {name: 0.1 + n / 100 for n, name in enumerate(names)},
    }


def topcup(net: nn.Module, path: Path, **changes) -> Path:
    """A checkpoint as Lightning itself writes it."""
    from lightning.pytorch import LightningModule, Trainer

    class SegNet(LightningModule):
        def __init__(self, hyper: dict) -> None:
            super().__init__()
            self.model = net
            self.save_hyperparameters(hyper)

        def configure_optimizers(self):
            return torch.optim.Adam([self.model.segmentation_heads[0][0].bias])

    trainer = Trainer(logger=False, enable_checkpointing=False, accelerator="cpu", max_epochs=0)
    trainer.strategy.connect(SegNet({**hyperparameters(), **changes}))
    trainer.save_checkpoint(path)
    return path


def logits_of(detector, volume):
    with torch.inference_mode():
        return detector.network(torch.from_numpy(volume)[None, None])


def published_logits(net, volume, level: int, channels):
    """What the published net says of the volume in its own order of axes, in ours."""
    with torch.inference_mode():
        out = net(torch.from_numpy(volume.T.copy())[None, None])[level]
    return out[:, channels].permute(0, 1, 4, 3, 2)


@pytest.fixture
def volume() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(32, 32, 64)).astype(np.float32)


@pytest.mark.parametrize("encoder", ["resnet18", "efficientnet-b0"])
def test_a_competition_checkpoint_gives_the_same_logits_on_the_volume_the_other_way(
    encoder, volume, tmp_path
):
    source = make(encoder)
    detector = read_published(competition(source, tmp_path / "checkpoint.pth"))
    assert detector.card.model.options["encoder"] == encoder
    (logits,) = logits_of(detector, volume)
    expected = published_logits(source, volume, 3, [6, 0, 1, 2, 3, 4, 5])
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-4)
    assert detector.objects.names == CZII.names == [*NAMES, "virus-like-particle"]


def test_kernels_that_were_not_turned_over_would_show(net, volume, tmp_path):
    detector = read_published(competition(net, tmp_path / "c.pth"))
    cube = volume[:32, :32, :32].copy()
    with torch.inference_mode():
        wrong = net(torch.from_numpy(cube)[None, None])[3][:, [6, 0, 1, 2, 3, 4, 5]]
    assert float((logits_of(detector, cube)[0] - wrong).abs().max()) > 0.1 * float(wrong.std())


@pytest.mark.filterwarnings("ignore::Warning:lightning")
def test_a_topcup_checkpoint_gives_the_same_logits_with_its_own_order_of_objects(
    net, volume, tmp_path
):
    names = CZII.names[::-1]
    told = hyperparameters(names)
    detector = read_published(topcup(net, tmp_path / "best_model.ckpt", **told))
    fine, coarse = logits_of(detector, volume)
    order = [6, 5, 4, 3, 2, 1, 0]  # background, then our first object, which is their last
    for logits, level in ((fine, 3), (coarse, 2)):
        expected = published_logits(net, volume, level, order)
        torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-4)
    assert detector.objects.names == CZII.names
    assert detector.objects["virus-like-particle"].radius == 70.0
    assert detector.card.thresholds["virus-like-particle"] == pytest.approx(0.1)
    assert detector.card.model.options["levels"] == [2, 4]


@pytest.mark.filterwarnings("ignore::Warning:lightning")
def test_topcup_trained_on_other_objects_keeps_their_names_and_radii(volume, tmp_path):
    source = make(channels=3)
    told = hyperparameters(["proteasome", "ribosome"])
    detector = read_published(topcup(source, tmp_path / "other.ckpt", **told))
    assert detector.objects.names == ["proteasome", "ribosome"]
    assert detector.objects["proteasome"].radius == 70.0
    assert detector.card.trained_on == ()
    expected = published_logits(source, volume, 3, [2, 0, 1])
    torch.testing.assert_close(logits_of(detector, volume)[0], expected, rtol=1e-3, atol=1e-4)


def test_the_card_says_what_one_must_know(net, tmp_path):
    path = competition(net, tmp_path / "fold0.pth")
    card = read_published(path).card
    assert (card.stride, card.activation, card.patch) == (2, "softmax", (96, 96, 96))
    assert card.voxel_spacing == pytest.approx(10.012444)
    assert (card.normalise.method, card.normalise.clip) == ("zscore", None)
    assert card.thresholds == {
        "apo-ferritin": 0.16, "beta-amylase": 0.25, "beta-galactosidase": 0.13, "ribosome": 0.19,
        "thyroglobulin": 0.18, "virus-like-particle": 0.5,
    }  # fmt: skip
    assert "TS_5_4" in card.trained_on
    assert "1st place" in card.notes
    assert "fold0.pth" in card.notes
    assert read_published(path, trained_on=("TS_6_4",)).card.trained_on == ("TS_6_4",)


def test_written_weights_are_as_read(net, volume, tmp_path):
    detector = read_published(competition(net, tmp_path / "c.pth"))
    save_detector(detector, tmp_path / "w.safetensors")
    again = load_detector(tmp_path / "w.safetensors")
    assert again.card.model_dump(mode="json") == detector.card.model_dump(mode="json")
    torch.testing.assert_close(logits_of(again, volume), logits_of(detector, volume))
    assert not any("decoder.blocks.4" in name for name in again.network.state_dict())


def broken(net, **changes) -> dict:
    """A competition checkpoint with some tensors replaced, or left out where None."""
    state = {k: v for k, v in net.state_dict().items() if k not in changes}
    kept = {k: v for k, v in changes.items() if v is not None}
    return {"model": {f"backbone.{k}": v for k, v in (state | kept).items()}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"encoder._conv_stem.weight": torch.zeros(32, 3, 3, 3, 3)}, r"stem \(32, 3, 3, 3, 3\)"),
        ({"encoder._blocks.0.0._bn1.bias": None}, "is none of MONAI's efficientnets"),
        ({"decoder.blocks.2.convs.conv_1.conv.weight": None}, "the decoder is not whole"),
        ({"decoder.blocks.1.convs.conv_0.adn.N.bias": torch.zeros(9)}, r"shape \(9,\), expected"),
        ({"decoder.blocks.1.convs.conv_0.adn.N.bias": None}, "has shape None"),
        ({"segmentation_heads.3.0.weight": torch.zeros(4, 12, 3, 3, 3)}, "have 4 channels"),
        ({f"segmentation_heads.{n}.0.weight": None for n in range(4)}, r"its heads are \[\]"),
        ({"segmentation_heads.3.0.weight": torch.tensor(1.0)}, "expected a 3-D kernel"),
        ({"decoder.blocks.0.convs.conv_1.conv.weight": torch.tensor(1.0)}, "expected a 3-D kernel"),
        ({"segmentation_heads.3.0.bias": torch.full((7,), torch.nan)}, "not finite"),
    ],
)
def test_tensors_of_another_net_are_refused_in_one_line(net, changes, words, tmp_path):
    torch.save(broken(net, **changes), tmp_path / "c.pth")
    with pytest.raises(UserError, match=words) as error:
        read_published(tmp_path / "c.pth")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"model": {"conv.weight": torch.zeros(2)}}, "found 1 named 'conv.weight'"),
        ({"state_dict": {}}, "found 0 named nothing"),
        ({"epoch": 3}, "found 1 named 'epoch'"),
        ([torch.zeros(2)], "holds a list"),
    ],
)
def test_other_checkpoints_are_refused_with_what_was_found(content, words, tmp_path):
    torch.save(content, tmp_path / "c.pth")
    with pytest.raises(UserError, match=words):
        read_published(tmp_path / "c.pth")
