"""Stopped wherever it may be, a campaign ends with the tables of one that was not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from samples.weights import write_campaign
from tomoscout.campaigns import run as campaigns
from tomoscout.campaigns.lines import to_csv
from tomoscout.campaigns.settings import read_campaign
from tomoscout.campaigns.store import Store
from tomoscout.campaigns.tables import per_fold, per_tomogram
from tomoscout.cli import main

KEPT = ("keep_map", "keep_parameters", "keep_counts")
"""What completes a piece of work."""


class KilledError(Exception):
    """Stands for whatever ends a process."""


@pytest.fixture(scope="module")
def small(bench) -> Path:
    """One experiment: five score maps, three rows, three scores."""
    return write_campaign(
        bench,
        "small.yaml",
        experiments={"good": str(bench / "good")},
        validation={"project": str(bench / "home"), "runs": ["run0", "run1"]},
        test={"project": str(bench / "away"), "runs": "new0"},
        strategies="best_single",
        tuning="thresholds",
        window={"limit": [16, 40, 40], "overlap": 8},  # two tiles, so that maps have a middle
    )


@pytest.fixture(scope="module")
def whole(small, tmp_path_factory) -> str:
    """Its tables when nothing stops it."""
    ready = campaigns.prepare(read_campaign(small))
    return tables(campaigns.run_campaign(ready, tmp_path_factory.mktemp("whole")))


def tables(scored) -> str:
    return to_csv(per_tomogram(scored)) + to_csv(per_fold(scored))


def count(monkeypatch, name: str) -> list[str]:
    """Note each call of a function of the campaign."""
    calls, really = [], getattr(campaigns, name)

    def noted(job, *args, **kwargs):
        calls.append(job.run.name)
        return really(job, *args, **kwargs)

    monkeypatch.setattr(campaigns, name, noted)
    return calls


@pytest.mark.parametrize("written", [True, False])
def test_killed_at_every_piece_of_work_it_ends_the_same(
    small, whole, tmp_path, monkeypatch, written
):
    """``written``: just after the piece was noted, else just before."""
    ready = campaigns.prepare(read_campaign(small))
    drawn = count(monkeypatch, "draw_map")
    killed = set()
    with monkeypatch.context() as patch:
        for name in KEPT:
            really = getattr(Store, name)

            def keep(self, job, *args, really=really, name=name):
                at = (name, *(getattr(a, "key", getattr(a, "identity", "")) for a in (job, *args)))
                if written:
                    really(self, job, *args)
                if at not in killed:
                    killed.add(at)
                    raise KilledError
                if not written:
                    really(self, job, *args)

            patch.setattr(Store, name, keep)
        for _ in range(100):
            try:
                stopped = campaigns.run_campaign(ready, tmp_path)
                break
            except KilledError:
                continue
    assert len(killed) == 5 + 3 + 3
    assert tables(stopped) == whole
    assert len(drawn) == (5 if written else 10)  # what was noted is not drawn again


def test_killed_in_the_middle_of_a_map_it_ends_the_same(small, whole, tmp_path):
    ready = campaigns.prepare(read_campaign(small))
    killed = set()

    def tell(now):
        if now.stage == "maps" and now.done % 1 and now.name not in killed:
            killed.add(now.name)
            raise KilledError

    for _ in range(20):
        try:
            stopped = campaigns.run_campaign(ready, tmp_path, tell=tell)
            break
        except KilledError:
            continue
    assert len(killed) == 5
    assert tables(stopped) == whole


def test_a_campaign_that_grows_does_only_what_is_new(small, tmp_path, monkeypatch):
    campaigns.run_campaign(campaigns.prepare(read_campaign(small)), tmp_path)
    drawn = count(monkeypatch, "draw_map")
    grown = read_campaign(small, over={"test": {"runs": ["new0", "new1"]}})
    campaigns.run_campaign(campaigns.prepare(grown), tmp_path)
    assert drawn == ["new1"] * 3


def test_force_does_everything_anew_also_when_it_is_stopped(small, tmp_path, monkeypatch):
    ready, begun = campaigns.prepare(read_campaign(small)), set()
    campaigns.run_campaign(ready, tmp_path)
    drawn = count(monkeypatch, "draw_map")

    def tell(now):
        begun.add(now.name)
        if len(begun) > 2:
            raise KilledError

    with pytest.raises(KilledError):
        campaigns.run_campaign(ready, tmp_path, force=True, tell=tell)
    campaigns.run_campaign(ready, tmp_path)
    assert len(drawn) == 5


def done(folder: Path) -> int:
    """Count the pieces of work that are complete."""
    # Not rglob, which stumbles over folders that vanish under it.
    files = (name for part in ("maps", "work") for *_, n in os.walk(folder / part) for name in n)
    return sum(name.endswith(".json") for name in files)


@pytest.mark.slow
def test_killed_ten_times_at_random_the_tables_are_the_same_to_the_byte(bench, tmp_path):
    file = write_campaign(
        bench,
        "killed.yaml",
        strategies=["best_single", "kfold_ensemble", "ensemble_specialists"],
        tuning=["default", "thresholds", "global", "search"],
        tta=["none", "z_flip"],
        search={"space": {"local_max": {"distance": [0.8, 1.2]}}},
    )
    words = [sys.executable, "-m", "tomoscout.cli", "campaign", str(file), "--quiet", "-o"]
    subprocess.run([*words, str(tmp_path / "whole")], check=True)
    rng = random.Random(0)
    for pieces in sorted(rng.sample(range(done(tmp_path / "whole")), 10)):
        process = subprocess.Popen([*words, str(tmp_path / "stopped")])
        while done(tmp_path / "stopped") < pieces and process.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL  # it was not finished
    subprocess.run([*words, str(tmp_path / "stopped")], check=True)
    names = {path.name for path in (tmp_path / "whole").glob("*.csv")} - {"comparison_times.csv"}
    assert len(names) == 5
    for name in names:
        whole, stopped = ((tmp_path / side / name).read_bytes() for side in ("whole", "stopped"))
        assert whole == stopped, name
    for path in (tmp_path / "whole" / "hps").iterdir():
        assert path.read_bytes() == (tmp_path / "stopped" / "hps" / path.name).read_bytes()
    assert main(["campaign", str(file), "-o", str(tmp_path / "stopped"), "--plan"]) == 0
