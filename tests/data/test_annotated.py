from __future__ import annotations

import numpy as np
import torch

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.data.annotated import is_annotated
from tomoscout.data.module import PatchDataset
from tomoscout.data.pool import Pool
from tomoscout.data.runs import TrainingRun
from tomoscout.data.sampling import SamplingSettings
from tomoscout.ops.class_weights import cells_per_class

OBJECTS = ObjectTable(
    objects=(ObjectType(name="small", radius=30), ObjectType(name="large", radius=60))
)


def test_cells_within_radius_and_margin_of_a_pick_are_annotated():
    geometry = Geometry((24, 30, 36), 10.0, stride=2)
    centres = np.array([[60.0, 80.0, 90.0], [-20.0, 250.0, 300.0]])
    picks = Picks(centres, np.array(["small", "large"]))
    found = is_annotated(picks, objects=OBJECTS, geometry=geometry, beyond=25.0)
    cells = np.argwhere(np.ones(geometry.cells, bool))
    apart = np.linalg.norm(geometry.to_angstrom(cells)[:, None] - picks.zyx, axis=2)
    assert found.shape == geometry.cells
    np.testing.assert_array_equal(found.ravel(), (apart <= [55.0, 85.0]).any(axis=1))
    assert 0 < found.mean() < 1


def test_of_a_patch_only_the_surroundings_of_picks_have_a_target():
    volume = Volume(np.zeros((40, 40, 40), np.float16), 10.0, "run")
    run = TrainingRun(volume, Picks(np.full((1, 3), 200.0), "small"))
    sampling = SamplingSettings(patch=(24, 24, 24), centred=1.0, allow_missing=True)
    target = PatchDataset(
        Pool([run], objects=OBJECTS, sampling=sampling),
        objects=OBJECTS, patch=sampling.patch, annotated_around=20.0,
    )[0, 0]["target"]  # fmt: skip
    known = target.isfinite().all(dim=0)
    ball = 4 / 3 * np.pi * 5**3  # 50 Å around the pick
    assert abs(int(known.sum()) / ball - 1) < 0.05
    assert target[0, known].sum() == 1
    assert torch.equal(target.isnan().all(dim=0), ~known)
    np.testing.assert_allclose(cells_per_class(target[None]), [int(known.sum()) - 1, 1, 0])
