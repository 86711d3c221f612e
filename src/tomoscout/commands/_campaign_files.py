"""What a campaign leaves to read: tables, parameters and a page."""

from __future__ import annotations

import datetime
import shlex
from pathlib import Path

from tomoscout.campaigns import tables
from tomoscout.campaigns.lines import to_csv
from tomoscout.campaigns.run import Campaign
from tomoscout.campaigns.store import Store
from tomoscout.campaigns.tables import Group, Scored
from tomoscout.commands._versions import versions
from tomoscout.io._atomic import write_json, write_text
from tomoscout.reporting.campaign import CampaignData, render_campaign

PAGE = "campaign.html"


def write_results(store: Store, ready: Campaign, scored: list[Scored], *, file: Path) -> Path:
    """Write the tables, the parameters of every row and the page; return the page.

    All but times and page are the same whenever the campaign is, however often it was stopped.
    """
    folder = store.folder
    compared = tables.comparison(scored)
    by_particle = tables.comparison_by_particle(scored)
    timed = tables.times(_seconds(store, scored), [_timed(one) for one in scored])
    for name, lines in {
        "per_tomogram_scores.csv": tables.per_tomogram(scored),
        "intermediate_results.csv": tables.per_fold(scored),
        "f4_summary_by_particle.csv": tables.per_fold_and_particle(scored),
        "comparison_summary.csv": compared,
        "comparison_summary_by_particle.csv": by_particle,
        "comparison_times.csv": timed,
    }.items():
        write_text(folder / name, to_csv(lines), overwrite=True)
    hps = {folder / "hps" / f"hps_{one.row.title}.json": one.parameters for one in scored}
    for path, parameters in hps.items():
        write_json(path, parameters.model_dump(mode="json"), overwrite=True)
    for path in set((folder / "hps").glob("hps_*.json")) - set(hps):
        path.unlink()  # of a row that the campaign had before its file was changed
    data = CampaignData(
        title="Campaign" if file.stem == "campaign" else f"Campaign {file.stem}",
        objects=ready.sources.objects,
        comparison=compared,
        by_particle=by_particle,
        times=timed,
        remarks=ready.plan.remarks,
        settings=ready.settings.model_dump(mode="json"),
        versions={name: found for name, found in versions().items() if found},
        command=shlex.join(["tomoscout", "campaign", str(file), "-o", str(folder)]),
        made=datetime.date.today().isoformat(),
    )
    write_text(folder / PAGE, render_campaign(data), overwrite=True)
    return folder / PAGE


def _seconds(store: Store, scored: list[Scored]) -> dict[Group, list[float]]:
    """Return how long each score map of a test run took, by what the table of times has."""
    found: dict[Group, dict[str, float]] = {}
    for one in scored:
        for job in one.row.tested:
            seconds = store.seconds(job)
            if seconds is not None:
                found.setdefault(_timed(one), {})[job.identity] = seconds
    return {group: list(each.values()) for group, each in found.items()}


def _timed(one: Scored) -> Group:
    """Return what a row's time depends on."""
    experiment, strategy, tta, *_ = one.row.group
    return (experiment, strategy, tta, "", "")
