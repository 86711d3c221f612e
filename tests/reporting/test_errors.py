"""The sections that look at single errors: confusion, places, localisation, runs, calibration."""

import re
from dataclasses import replace

import numpy as np
import pytest

from tomoscout.core.picks import Picks
from tomoscout.metrics import Ranked
from tomoscout.reporting.calibration import calibration_plot
from tomoscout.reporting.confusion_table import confusion_table
from tomoscout.reporting.findings import ReportData, RunData, examine
from tomoscout.reporting.headline import headline
from tomoscout.reporting.offsets import offsets
from tomoscout.reporting.runs_table import runs_table
from tomoscout.reporting.where import where


def texts(markup, tag):
    """What a browser would show in each element of a tag."""
    found = re.findall(rf"<{tag}\b[^>]*>(.*?)</{tag}>", markup, re.S)
    return [re.sub(r"<[^>]*>", " ", inner).strip() for inner in found]


@pytest.fixture
def data(scene):
    run = RunData("TS_1", scene.picks, scene.volume, scene.truth)
    return ReportData("Picks", objects=scene.objects, runs=(run,))


def test_the_confusion_holds_every_particle_and_every_pick(data, scene):
    # The false ferritin is moved onto the ribosome that nobody found.
    zyx = scene.picks.zyx.copy()
    zyx[4] = [200, 900, 310]
    run = replace(data.runs[0], picks=replace(scene.picks, zyx=zyx))
    markup = confusion_table(examine(replace(data, runs=(run,))))
    rows = [texts(row, "t[dh]") for row in texts_raw(markup)]
    assert rows[1] == ["ribosome", "2", "1", "·", "3"]
    assert rows[2] == ["apo-ferritin", "·", "1", "1", "2"]
    assert rows[3] == ["second pick", "·", "·", "·", ""]
    assert rows[4] == ["nothing", "1", "·", "·", ""]
    assert rows[5] == ["picks", "3", "2", "", ""]
    assert "ribosome called apo-ferritin, 1 time." in markup
    assert '<td class="wrong" style="--s:0.33"' in markup


def texts_raw(markup):
    return re.findall(r"<tr\b[^>]*>(.*?)</tr>", markup, re.S)


def test_places_are_drawn_only_where_the_size_is_known(data):
    assert "Without" not in where(examine(data))
    two = (data.runs[0], replace(data.runs[0], name="TS_2", volume=None))
    assert "Without 1 run of unknown size" in where(examine(replace(data, runs=two)))
    assert where(examine(replace(data, runs=two[1:]))) == ""


def test_shares_of_missed_particles_stand_on_the_bars(data):
    # Of 400 Å, truths lie at 150, 200 and 300: two bars of one each and one of three.
    drawn = where(examine(data))
    assert re.findall(r">(\d+%)<", drawn)[:3] == ["0%", "33%", "100%"]


def test_the_table_of_offsets_tells_a_shift_from_noise(data, scene):
    lattice = 150.0 + 300.0 * np.argwhere(np.ones((2, 4, 4)))
    noise = np.random.default_rng(0).normal(0, 4, lattice.shape)
    truth = Picks(lattice, "ribosome", run="TS_1")
    picks = Picks(lattice + noise + np.array([0, -5.0, 0]), "ribosome", run="TS_1")
    run = replace(data.runs[0], picks=picks, truth=truth)
    markup = offsets(examine(replace(data, runs=(run,))))
    flagged = texts(markup, 'span class="flag"') or re.findall(r'class="flag">([^<]*)<', markup)
    assert len(flagged) == 2  # of the ribosomes, and of all
    assert all(text.startswith("−") for text in flagged)
    rows = [texts(row, "t[dh]") for row in texts_raw(markup)]
    assert [row[0] for row in rows[1:]] == ["ribosome", "all"]
    assert rows[1][1] == "32"


def test_without_hits_there_is_no_localisation(data):
    run = replace(data.runs[0], picks=Picks.empty("TS_1"))
    assert offsets(examine(replace(data, runs=(run,)))) == ""


def test_runs_are_listed_from_the_lowest_score_with_mean_and_pooled_below(data, scene):
    runs = tuple(replace(data.runs[0], name=f"TS_{n}", picks=scene.picks[:n]) for n in (5, 0, 2))
    found = examine(replace(data, runs=runs))
    rows = [texts(row, "t[dh]") for row in texts_raw(runs_table(found))]
    assert [row[0] for row in rows[1:]] == [
        "TS_0",
        "TS_2",
        "TS_5",
        "mean over runs",
        "pooled counts",
    ]
    own = list(found.result.per_run.values())
    assert rows[-2][1] == f"{np.mean(own):.2f}"
    assert rows[-1][1] == f"{found.result.weighted:.2f}"
    assert rows[3][2].split() == ["0.67", "2", "of", "3"]
    assert runs_table(examine(data)) == ""  # one run is the whole


def test_average_precision_stands_in_the_headline_and_over_its_curve(data):
    found = examine(data)
    ap = found.errors.ranking.average_precision["ribosome"]
    assert ap == pytest.approx(2 / 3)
    assert "0.67" in texts(headline(found), "tr")[1]


def test_calibration_needs_picks_and_probabilities(scene):
    scores = np.repeat([0.25, 0.85], 10)
    right = np.arange(20) % 10 < np.repeat([2, 9], 10)
    none = Ranked(np.zeros(0), np.zeros(0, bool), 3)
    ranked = {"ribosome": Ranked(scores, right, 20), "apo-ferritin": none}
    axes = calibration_plot(ranked, objects=scene.objects).axes[0]
    np.testing.assert_allclose(axes.lines[-1].get_xydata(), [[0.25, 0.2], [0.85, 0.9]])
    few = {"ribosome": Ranked(scores[8:12], right[8:12], 20), "apo-ferritin": none}
    assert calibration_plot(few, objects=scene.objects) is None
    raw = {"ribosome": Ranked(10 * scores, right, 20), "apo-ferritin": none}
    assert calibration_plot(raw, objects=scene.objects) is None
