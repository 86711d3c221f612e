"""Boxes pasted from one patch into another: image and target stay of one piece."""

import numpy as np
import pytest
import torch

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.data.cutmix import cutmix
from tomoscout.data.module import Sample, collate
from tomoscout.targets import points

TABLE = ObjectTable(objects=(ObjectType(name="a", radius=10),))


def planted(stride: int, seed: int, count: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Patches with one bright voxel each, of the patch's own brightness, and its target cell."""
    rng = np.random.default_rng(seed)
    geometry = Geometry((12, 18, 24), 1.0, stride)
    image, target = torch.zeros(count, 1, 12, 18, 24), torch.zeros(count, 1, *geometry.cells)
    for i in range(count):
        zyx = rng.integers(0, geometry.shape).astype(float)
        image[i, 0][tuple(zyx.astype(int))] = i + 1
        cells = points.encode(
            Picks(zyx[None], "a"), objects=TABLE, geometry=geometry, settings=points.Settings()
        )
        target[i] = torch.from_numpy(cells) * (i + 1)
    return image, target


@pytest.mark.parametrize("stride", [1, 2, 3, 6])
def test_a_planted_voxel_and_its_cell_move_together(stride):
    moved = 0
    for seed in range(30):
        image, target = planted(stride, seed)
        mixed, labels = cutmix(image, target, rng=np.random.default_rng(seed))
        pooled = torch.nn.functional.max_pool3d(mixed, stride)
        assert torch.equal(pooled, labels)
        moved += int((mixed != image).any())
    assert moved > 20


def test_a_sample_is_made_of_itself_and_of_one_other():
    image = torch.arange(5.0).view(5, 1, 1, 1, 1).expand(5, 1, 8, 8, 8).contiguous()
    shares = []
    for seed in range(200):
        mixed, labels = cutmix(image, image[..., ::2, ::2, ::2], rng=np.random.default_rng(seed))
        shift = set()
        for i in range(5):
            found = set(mixed[i].unique().tolist())
            shift |= {(i - int(j)) % 5 for j in found - {float(i)}}
            assert found == set(labels[i].unique().tolist())
            shares.append(float((mixed[i] == i).float().mean()))
        assert len(shift) <= 1
        assert 0 not in shift
    assert abs(np.mean(shares) - 0.5) < 0.06  # evenly drawn from 0 to 1, but for whole cells


def test_the_input_stays_and_a_batch_of_one_is_left_alone():
    image, target = planted(2, 0)
    before = image.clone(), target.clone()
    cutmix(image, target, rng=np.random.default_rng(1))
    assert torch.equal(image, before[0])
    assert torch.equal(target, before[1])
    one, label = cutmix(image[:1], target[:1], rng=np.random.default_rng(1))
    assert torch.equal(one, image[:1])
    assert torch.equal(label, target[:1])


def test_cells_that_do_not_fit_the_patch_are_refused():
    with pytest.raises(ValueError, match="no whole number of the target's"):
        cutmix(torch.zeros(2, 1, 9, 8, 8), torch.zeros(2, 1, 4, 4, 4), rng=np.random.default_rng(0))


def items(epoch: int) -> list[Sample]:
    image, target = planted(2, 5)
    return [Sample(image=image[i], target=target[i], key=(epoch, i)) for i in range(4)]


def kind_of(batch, plain) -> str:
    if torch.equal(batch["image"], plain["image"]):
        return "plain"
    values = set(batch["image"].unique().tolist())
    return "pasted" if values <= set(plain["image"].unique().tolist()) else "blended"


def test_a_batch_is_pasted_or_blended_or_left_with_the_chances_given():
    kinds = []
    for epoch in range(400):
        plain = collate(items(epoch))
        mixed = collate(items(epoch), mixup=1.0, mixup_probability=0.5, cutmix=0.25, seed=2)
        again = collate(items(epoch), mixup=1.0, mixup_probability=0.5, cutmix=0.25, seed=2)
        assert torch.equal(mixed["image"], again["image"])
        kinds.append(kind_of(mixed, plain))
    # Some pasted boxes hold no bright voxel and show nothing.
    assert 0.12 < kinds.count("pasted") / 400 <= 0.3
    assert 0.3 < kinds.count("blended") / 400 < 0.45
    assert kinds.count("plain") / 400 > 0.3


def test_mixing_by_default_does_what_it_did():
    always, never = collate(items(0), mixup=1.0), collate(items(0), mixup_probability=1.0)
    assert kind_of(always, collate(items(0))) == "blended"
    assert kind_of(never, collate(items(0))) == "plain"
