import re
import time
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.metrics import czii
from tomoscout.reporting.page import ReportData, RunData, render

VOID = {"meta", "input", "hr", "image", "link", "br"}


class Balance(HTMLParser):
    """Checks that tags close in the order they open; keeps text and ids."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(page):
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    return parser


def sections(page):
    return re.findall(r'<section id="(\w+)">', page)


@pytest.fixture
def data(scene):
    run = RunData("TS_1", scene.picks, scene.volume, scene.truth)
    return ReportData(
        "Picks of TS_1",
        objects=scene.objects,
        runs=(run,),
        thresholds={"ribosome": 0.55, "apo-ferritin": 0.5},
        history=pd.DataFrame({"epoch": [0, 1, 2], "loss": [3.0, 2, 1], "f4": [0.1, 0.2, 0.4]}),
        settings={"model": {"name": "scout_unet"}},
        versions={"tomoscout": "0.1.0"},
        command="tomoscout report picks/ czii/",
        made="2025-01-02",
    )


def test_a_full_page_has_every_section_and_closes_every_tag(data):
    page = render(data)
    assert sections(page) == [
        "score", "slices", "gallery", "curves", "confusion", "where", "localisation",
        "counts", "training", "made",
    ]  # fmt: skip
    text = " ".join(parsed(page).text)
    for said in ("Picks of TS_1", "scout_unet", "0.1.0", "tomoscout report picks/ czii/"):
        assert said in text


def test_the_page_fetches_nothing(data):
    page = render(data)
    markup = re.sub(r"base64,[\w+/=]+", "", page)
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)|<link|<iframe|\bsrc=", markup)
    assert "default-src 'none'" in page
    for address in re.findall(r'\bhref="([^"]*)"', page):
        assert address.startswith(("#", "data:image/"))


def test_the_score_on_the_page_is_that_of_the_metric(data, scene):
    result = czii.score(scene.picks, scene.truth, objects=scene.objects)
    page = render(data)
    assert f"<b>{result.weighted:.2f}</b>" in page
    assert "Of 5 particles in 1 run, <strong>3 were found</strong> and 2 missed" in page
    assert "2 of 5 picks are false alarms" in page


def test_marks_are_told_apart_by_shape_and_by_words(data):
    page = render(data)
    alarm = re.search(r'<g class="m alarm o1"><title>([^<]*)</title>(<\w+)', page)
    assert alarm.groups() == ("ribosome: false alarm, score 0.600", "<path")
    miss = re.search(r'<g class="m miss o1"><title>([^<]*)</title>(<\w+)', page)
    assert miss.groups() == ("ribosome: missed", "<circle")
    assert re.search(r"\.miss circle \{ stroke-dasharray", page)


def test_colours_come_from_the_object_table(data):
    assert ".o1{--c:#0072b2;" in render(data)


def test_names_from_files_cannot_become_markup(scene):
    evil = '<script>alert(1)</script>"&$x'
    objects = ObjectTable(objects=(ObjectType(name=evil, radius=60),))
    picks = Picks(np.array([[200.0, 300, 300]]), evil, np.array([0.5]), run=evil)
    run = RunData(evil, picks, scene.volume, picks)
    page = render(
        ReportData(
            evil,
            objects=objects,
            runs=(run, replace(run, name=evil + "2")),
            history=pd.DataFrame({"epoch": [0, 1], f"loss {evil}": [1.0, 2.0], evil: [1.0, 2.0]}),
            settings={evil: evil},
            versions={evil: evil},
            command=evil,
            made=evil,
        )
    )
    assert "<script>alert" not in page
    assert page.count("<script>") == 1
    parsed(page)


def test_picks_without_truth_make_a_page_without_scores(data):
    run = replace(data.runs[0], truth=None)
    page = render(replace(data, runs=(run,), thresholds=None, history=None))
    assert sections(page) == ["score", "slices", "gallery", "curves", "counts", "made"]
    text = " ".join(parsed(page).text)
    assert "F4" not in text
    assert "No truth was given" in text
    assert re.search(r'class="m pick o1"', page)
    assert not re.search(r'class="m (hit|alarm|miss)', page)


def test_without_a_tomogram_there_are_no_pictures(data):
    run = replace(data.runs[0], volume=None)
    page = render(replace(data, runs=(run,), settings=None, versions={}, command=""))
    assert sections(page) == [
        "score", "curves", "confusion", "localisation", "counts", "training",
    ]  # fmt: skip
    assert "data:image" not in page


def test_empty_picks_make_a_page_of_misses(data, scene):
    page = render(replace(data, runs=(replace(data.runs[0], picks=Picks.empty("TS_1")),)))
    assert "<b>0.00</b>" in page
    assert "<strong>0 were found</strong> and 5 missed; 0 of 0 picks" in page
    parsed(page)


def test_a_page_without_any_pick_or_truth_is_still_a_page(data):
    run = RunData("TS_1", Picks.empty("TS_1"))
    assert sections(render(replace(data, runs=(run,), history=None))) == [
        "score", "counts", "made",
    ]  # fmt: skip


def test_candidates_draw_the_curves_below_the_threshold(data, scene):
    kept = scene.picks.above({"ribosome": 0.7, "apo-ferritin": 0.6})
    run = replace(data.runs[0], picks=kept, candidates=scene.picks)
    steps = []
    page = render(replace(data, runs=(run,)), progress=steps.append)
    assert "3 of 5 picks" not in page
    assert "0 of 3 picks are false alarms" in page
    assert 'aria-label="F4 of ribosome by threshold"' in page
    assert steps == sorted(steps)
    assert steps[-1] == 1


def test_of_many_runs_the_lowest_middle_and_highest_are_shown(data, scene):
    runs = tuple(replace(data.runs[0], name=f"TS_{n}", picks=scene.picks[:n]) for n in (2, 0, 4, 1))
    page = render(replace(data, runs=runs))
    shown = re.findall(r"<h3>(TS_\d)</h3>", page)
    assert shown == ["TS_0", "TS_2", "TS_4"]
    assert "in 4 runs" in page


def test_objects_that_are_all_of_weight_zero_have_a_mean_instead(data, scene):
    free = ObjectTable(
        objects=tuple(o.model_copy(update={"weight": 0.0}) for o in scene.objects.each())
    )
    assert "mean F4" in render(replace(data, objects=free))


def test_identifiers_of_sections_are_unique(data):
    page = render(data)
    names = sections(page)
    assert [name for name in parsed(page).ids if name in names] == names


def test_a_full_size_tomogram_is_rendered_small_and_soon(scene):
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(1, 630, 630)).astype(np.float32)
    volume = Volume(np.broadcast_to(plane, (184, 630, 630)), 10.012444, "TS_1")
    truth = Picks(rng.random((150, 3)) * [1800, 6200, 6200], "ribosome", run="TS_1")
    run = RunData("TS_1", truth[:100], volume, truth)
    started = time.process_time()  # others may be at work on this machine
    page = render(ReportData("TS_1", objects=scene.objects, runs=(run,)))
    assert time.process_time() - started < 10
    assert len(page) < 6e6
