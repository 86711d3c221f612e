import numpy as np
import pytest

from tomoscout.core.volume import Volume
from tomoscout.reporting.gallery import crop, strips
from tomoscout.reporting.outcomes import judge


def test_strips_are_sorted_by_object_and_fate(scene):
    outcome = judge(scene.picks, scene.truth, objects=scene.objects)
    found = strips(scene.volume, outcome, objects=scene.objects)
    assert [(s.name, s.kind, s.total) for s in found] == [
        ("ribosome", "hit", 2),
        ("ribosome", "alarm", 1),
        ("ribosome", "miss", 1),
        ("apo-ferritin", "hit", 1),
        ("apo-ferritin", "alarm", 1),
        ("apo-ferritin", "miss", 1),
    ]
    assert [v.marks[0].score for v in found[0].views] == [0.9, 0.8]
    assert found[2].views[0].marks[0].score is None


def test_the_surest_are_shown_and_all_are_counted(scene):
    outcome = judge(scene.picks, scene.truth, objects=scene.objects)
    first = strips(scene.volume, outcome, objects=scene.objects, count=1)[0]
    assert ([v.marks[0].score for v in first.views], first.total) == ([0.9], 2)


def test_a_particle_is_in_the_middle_of_its_crop(scene):
    image = crop(scene.volume, np.array([200.0, 300, 300]), radius=150)
    assert image.shape == (55, 55)  # 1.8 radii of 15 voxels to each side
    rows, columns = np.nonzero(image < -1)
    assert (rows.mean(), columns.mean()) == pytest.approx((27, 27), abs=0.5)


def test_a_crop_over_the_edge_keeps_its_size_and_place(scene):
    image = crop(scene.volume, np.array([200.0, 0, 1270]), radius=60)
    assert image.shape == (23, 23)
    np.testing.assert_array_equal(image[0, :], image[0, 0])  # filled above the edge
    block = scene.volume.data[19:22, 0, 127]
    assert image[11, 11] == pytest.approx(block.mean())


def test_a_pick_outside_the_tomogram_gives_an_empty_crop(scene):
    assert not crop(scene.volume, np.array([200.0, 9000, 0]), radius=60).any()


def test_crops_read_little(scene):
    class Recorder:
        shape, dtype = scene.volume.shape, np.float32
        most = 0

        def __getitem__(self, region):
            part = scene.volume.data[region]
            Recorder.most = max(Recorder.most, part.size)
            return part

    crop(Volume(Recorder(), 10.0), np.array([200.0, 600, 600]), radius=150)
    assert Recorder.most == 5 * 55 * 55  # a third of the radius deep
