import numpy as np
import pytest
from PIL import Image

from tomoscout.core.volume import Volume
from tomoscout.reporting.clusters import NOISE_COLOR, cluster_color, montage, typical_members

SPACING = 10.0


def test_colours_differ_and_stay():
    colors = [cluster_color(c) for c in range(20)]
    apart = np.array([[np.abs(np.subtract(a, b)).max() for a in colors] for b in colors])
    assert apart[~np.eye(20, dtype=bool)].min() > 15
    assert cluster_color(-1) == NOISE_COLOR


@pytest.fixture(scope="module")
def volume():
    """Bright, except for dark balls at two places."""
    data = np.full((21, 60, 60), 5, np.float32)
    zyx = np.indices(data.shape).transpose(1, 2, 3, 0) * SPACING
    for centre in ((100.0, 150, 150), (100, 400, 450)):
        data[((zyx - centre) ** 2).sum(axis=-1) < 50**2] = 1
    return Volume(data, SPACING)


PLACES = np.array(
    [[100.0, 150, 150], [100, 400, 450], [100, 150, 450], [100, 170, 440], [100, 400, 150]]
)
LABELS = np.array([1, 1, 0, 0, 0])
DISTANCE = np.array([0.2, 0.1, 0.3, 0.1, 0.2])


def test_members_are_the_nearest_to_the_centre_first_and_lie_in_the_middle(volume):
    shown = typical_members(volume, PLACES, LABELS, DISTANCE, edge=240)
    assert [(one.cluster, one.total, len(one.views)) for one in shown] == [(0, 3, 3), (1, 2, 2)]
    for view in shown[1].views:
        rows, columns = np.nonzero(view.image < 128)
        middle = (view.image.shape[0] - 1) / 2
        assert (rows.mean(), columns.mean()) == pytest.approx((middle, middle), abs=0.01)
        assert view.image.shape[0] * SPACING == pytest.approx(240, abs=15)
        assert view.index == 10
    assert all((view.image > 128).all() for view in shown[0].views)
    two = typical_members(volume, PLACES, LABELS, DISTANCE, edge=240, count=1)
    np.testing.assert_array_equal(two[1].views[0].image, shown[1].views[0].image)


def test_crops_that_hang_over_the_edge_come_last(volume):
    places = np.array([[100.0, 340, 30], [100, 150, 150], [100, 400, 450], [100, 590, 300]])
    near = np.array([0.0, 0.3, 0.2, 0.1])
    (shown,) = typical_members(volume, places, np.zeros(4, int), near, edge=240)
    dark = [(view.image < 128).sum() for view in shown.views]
    assert dark[0] == dark[1] > 0  # the balls, at the second and the third place
    assert dark[2:] == [0, 0]


def test_neighbours_of_a_member_are_left_out(volume):
    apart = typical_members(volume, PLACES, LABELS, DISTANCE, edge=240, apart=100)
    assert [len(one.views) for one in apart] == [2, 2]
    assert apart[0].total == 3


def test_crops_of_no_cluster_are_not_shown(volume):
    none = typical_members(volume, PLACES, np.full(5, -1), DISTANCE, edge=240)
    assert none == []
    some = typical_members(volume, PLACES, np.where(LABELS, 1, -1), DISTANCE, edge=240)
    assert [one.cluster for one in some] == [1]


def test_a_montage_has_a_row_for_each_cluster(volume, tmp_path):
    shown = typical_members(volume, PLACES, LABELS, DISTANCE, edge=240)
    figure = montage(shown, kept=[1])
    images = [one.get_images() for one in figure.axes]
    assert [len(one) for one in images] == [1, 1, 1, 1, 1, 0]  # 3 and 2 crops in rows of 3
    np.testing.assert_array_equal(images[3][0].get_array(), shown[1].views[0].image)
    told = [text.get_text() for one in figure.axes for text in one.texts]
    assert told == ["0\n3", "1 particle\n2"]
    figure.savefig(tmp_path / "montage.png", dpi=100)
    with Image.open(tmp_path / "montage.png") as drawn:
        assert drawn.size[0] == 640
