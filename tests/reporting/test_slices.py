import numpy as np
import pytest
from matplotlib.patches import Circle

from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.reporting.outcomes import judge
from tomoscout.reporting.slices import LARGEST, busiest, contrast, draw, to_grey, view


@pytest.fixture
def outcome(scene):
    return judge(scene.picks, scene.truth, objects=scene.objects)


class Recorder:
    """An array that notes which regions were read."""

    def __init__(self, data):
        self.data, self.shape, self.dtype = data, data.shape, data.dtype
        self.read = []

    def __getitem__(self, region):
        part = self.data[region]
        self.read.append(part.size)
        return part


def test_a_circle_is_where_the_slice_cuts_the_ball(scene, outcome):
    shown = view(scene.volume, outcome, objects=scene.objects, index=26)  # 60 Å above the middle
    found = {(m.kind, round(m.row)): m for m in shown.marks if m.name == "ribosome"}
    missed = found["miss", 90]
    assert (missed.row, missed.column) == (90, 30)
    assert missed.radius == pytest.approx(np.sqrt(150**2 - 60**2) / 10)
    assert missed.score is None
    hit = found["hit", 31]
    assert hit.radius == pytest.approx(np.sqrt(150**2 - 55**2) / 10)
    assert hit.score == 0.9
    assert found["alarm", 60].column == 60


def test_a_slice_beyond_the_ball_has_no_mark(scene, outcome):
    shown = view(scene.volume, outcome, objects=scene.objects, index=38)
    assert [m.name for m in shown.marks if m.name == "ribosome"] == []


def test_the_side_view_has_z_for_rows(scene, outcome):
    shown = view(scene.volume, outcome, objects=scene.objects, index=90, axis="y")
    assert shown.image.shape == (40, 128)
    (missed,) = [m for m in shown.marks if m.kind == "miss" and m.name == "ribosome"]
    assert (missed.row, missed.column, missed.radius) == (20, 30, 15)


def test_particles_are_dark_under_their_marks(scene, outcome):
    shown = view(scene.volume, outcome, objects=scene.objects, index=20)
    missed = next(m for m in shown.marks if m.kind == "miss" and m.name == "ribosome")
    inside = shown.image[round(missed.row), round(missed.column)]
    assert inside < 60 < shown.image[60, 110]


def test_only_the_slices_shown_are_read(scene, outcome):
    array = Recorder(scene.volume.data)
    view(Volume(array, 10.0), outcome, objects=scene.objects, index=20, thickness=30)
    assert array.read == [3 * 120 * 128]


def test_slices_are_chosen_where_the_particles_are(scene, outcome):
    chosen = busiest(outcome, volume=scene.volume, objects=scene.objects, count=4)
    assert chosen == sorted(chosen)
    assert any(abs(index - 20) < 12 for index in chosen)
    shown = set()
    for index in chosen:
        marks = view(scene.volume, outcome, objects=scene.objects, index=index).marks
        shown |= {(m.kind, round(m.row), round(m.column)) for m in marks}
    assert len(shown) == len(outcome.all)  # together they show every particle


def test_without_picks_slices_are_evenly_spaced(scene):
    nothing = judge(Picks.empty(), None, objects=scene.objects)
    chosen = busiest(nothing, volume=scene.volume, objects=scene.objects, count=3)
    assert chosen == [10, 20, 29]


def test_a_large_slice_is_binned_and_marks_move_along(scene):
    data = np.zeros((1, 2 * LARGEST + 600, 64), np.float32)
    data[0, 1500:1506, 30:36] = -1
    pick = Picks(np.array([[0.0, 15025.0, 325.0]]), "ribosome")
    shown = view(
        Volume(data, 10.0),
        judge(pick, None, objects=scene.objects),
        objects=scene.objects,
        index=0,
        window=(-1, 0),
    )
    assert max(shown.image.shape) <= LARGEST
    assert shown.pixel_size == 30
    darkest = np.argwhere(shown.image == 0).mean(axis=0)
    assert (shown.marks[0].row, shown.marks[0].column) == pytest.approx(tuple(darkest), abs=0.1)


def test_a_constant_or_broken_slice_is_grey():
    flat = np.full((4, 4), 3.0)
    assert (to_grey(flat, contrast(flat)) == 128).all()
    broken = np.full((4, 4), np.nan)
    assert (to_grey(broken, contrast(broken)) == 128).all()


def test_gold_does_not_set_the_contrast():
    densities = np.random.default_rng(0).normal(size=(100, 100))
    densities[0, :10] = -1000
    low, high = contrast(densities)
    assert -4 < low < -2 < 2 < high < 4


def test_a_figure_has_circles_for_hits_dashes_for_missed_and_crosses(scene, outcome):
    shown = view(scene.volume, outcome, objects=scene.objects, index=20)
    (axes,) = draw(shown, objects=scene.objects).axes
    circles = [p for p in axes.patches if isinstance(p, Circle)]
    kinds = [m.kind for m in shown.marks]
    dashed = [p for p in circles if p.get_linestyle() not in ("-", "solid")]
    assert len(dashed) == kinds.count("miss") > 0
    assert len(circles) - len(dashed) == kinds.count("hit") > 0
    assert len(axes.lines) == 2 * kinds.count("alarm") > 0
