"""The slice detector sees the slices it should, and learns where discs are and how large."""

import numpy as np
import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.settings import validate
from tomoscout.losses import slice_detection
from tomoscout.models.slice_detector import Settings, build
from tomoscout.ops.activations import probabilities
from tomoscout.pickers import linked_slices
from tomoscout.targets import discs

SMALL = {"widths": (8, 16, 24), "blocks": 1, "features": 8}
SHAPE = (24, 32, 32)
BALL = ObjectTable(objects=(ObjectType(name="ball", radius=80),))


@pytest.mark.parametrize(("context", "reach"), [(1, 0), (3, 1), (5, 2)])
def test_a_slice_sees_its_neighbours_and_no_others(context, reach):
    torch.manual_seed(0)
    net = build(Settings(context=context, **SMALL), 1, 3).eval()
    image = torch.randn(1, 1, 16, 32, 32)
    changed = image.clone()
    changed[:, :, 8:10] += 1  # the two voxel slices of cell 4
    with torch.inference_mode():
        moved = (net(image)[0] - net(changed)[0]).abs().amax((0, 1, 3, 4))
    assert np.flatnonzero(moved > 1e-7).tolist() == list(range(4 - reach, 5 + reach))


def test_a_cells_slice_is_the_mean_of_its_voxels():
    net = build(Settings(context=1, **SMALL), 1, 3).eval()
    image = torch.randn(1, 1, 8, 32, 32)
    mean = image.unflatten(2, (4, 2)).mean(3).repeat_interleave(2, dim=2)
    with torch.inference_mode():
        torch.testing.assert_close(net(image)[0], net(mean)[0])


def test_strides_and_depth_follow_the_settings():
    net = build(Settings(stride=1, **SMALL), 1, 3).eval()
    assert (net.strides, net.divisor) == ((1,), (1, 4, 4))
    assert net(torch.zeros(1, 1, 5, 8, 12))[0].shape == (1, 3, 5, 8, 12)
    assert build(Settings(), 1, 7).divisor == (2, 16, 16)


def test_it_starts_from_few_centres():
    torch.manual_seed(0)
    net = build(Settings(), 1, 7).eval()
    with torch.inference_mode():
        centres = torch.sigmoid(net(torch.randn(1, 1, 8, 64, 64))[0][:, :-1])
    assert centres.amax((0, 2, 3, 4)).max() < 0.05


def test_as_many_slices_on_each_side():
    with pytest.raises(UserError, match=r"'context'.*odd number, found 4"):
        validate(Settings, {"context": 4}, source="recipe.yaml")


def ball(seed: int) -> tuple[torch.Tensor, torch.Tensor, Picks]:
    """A dark ball in noise, 80 Å in radius, with its target and its place."""
    rng = np.random.default_rng(seed)
    picks = Picks(rng.uniform((80, 100, 100), (160, 220, 220), (1, 3)), "ball")
    grid = np.stack(np.meshgrid(*(np.arange(n) * 10.0 for n in SHAPE), indexing="ij"), -1)
    image = rng.normal(0, 0.5, SHAPE)
    image[np.linalg.norm(grid - picks.zyx, axis=-1) < 80] -= 3
    geometry = Geometry(SHAPE, 10.0, 2)
    target = discs.encode(picks, objects=BALL, geometry=geometry, settings=discs.Settings())
    return torch.from_numpy(image.astype(np.float32))[None], torch.from_numpy(target), picks


def test_it_learns_where_a_disc_is_and_how_large():
    """A truth in a few dozen steps: a ball never seen is found, its discs' sizes are chords."""
    torch.manual_seed(0)
    net = build(Settings(context=3, **SMALL), 1, 2)
    loss = slice_detection.build(slice_detection.Settings())
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for step in range(40):
        images, targets, _ = zip(*(ball(2 * step + i) for i in range(2)), strict=True)
        value = loss(net(torch.stack(images))[0], torch.stack(targets))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    image, target, truth = ball(1000)
    net.eval()
    with torch.inference_mode():
        logits = net(image[None])[0]
    picks = linked_slices.find_picks(
        probabilities(logits, "sized")[0, 0].numpy(), geometry=Geometry(SHAPE, 10.0, 2),
        radius=80.0, name="ball", threshold=0.3, settings=linked_slices.Settings(),
    )  # fmt: skip
    assert len(picks) == 1
    assert np.linalg.norm(picks.zyx - truth.zyx) < 15.0
    tops = (target[0] == target[0].amax((1, 2), keepdim=True)) & (target[0] > 0.1)
    sizes = torch.sigmoid(logits[0, 1])[tops]
    assert (sizes - target[0][tops]).abs().mean() < 0.12
