import numpy as np

from tomoscout.reporting.counts import count_bars, tally


def test_every_run_and_object_is_counted(scene):
    counted = tally([scene.picks, scene.truth, scene.picks[:1]], objects=scene.objects)
    np.testing.assert_array_equal(counted, [[3, 2], [3, 2], [1, 0]])


def test_one_run_has_a_bar_and_a_line_per_object(scene):
    figure = count_bars(
        np.array([[3, 2]]), np.array([[4, 1]]), runs=["TS_1"], objects=scene.objects
    )
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [3, 2]
    assert [segment[0, 0] for segment in axes.collections[0].get_segments()] == [4, 1]
    assert [text.get_text() for text in axes.texts] == ["3 of 4", "2 of 1"]


def test_several_runs_have_a_panel_per_object(scene):
    picked = np.array([[3, 2], [5, 0], [1, 1]])
    figure = count_bars(picked, None, runs=["a", "b", "$c"], objects=scene.objects)
    heights = [[bar.get_height() for bar in axes.patches] for axes in figure.axes]
    assert heights == [[3, 5, 1], [2, 0, 1]]
    figure.draw_without_rendering()  # a dollar in a run's name is no formula


def test_very_many_runs_make_a_histogram_over_runs(scene):
    picked = np.tile([[3, 2]], (100, 1))
    figure = count_bars(picked, picked, runs=["r"] * 100, objects=scene.objects)
    assert sum(bar.get_height() for bar in figure.axes[0].patches[:24]) == 100
