"""``tomoscout campaign``: many experiments, used in many ways, compared on runs none has seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tomoscout.campaigns.run import Campaign
    from tomoscout.campaigns.store import Store
    from tomoscout.campaigns.tables import Scored

MOST_TOLD = 20
"""Lines of the comparison that are printed; the tables have them all."""


def campaign(
    file: Path,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    limit_runs: str | None = None,
    limit_final: int | None = None,
    force: bool = False,
    plan: bool = False,
    device: str = "auto",
    settings: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
) -> None:
    """Compare trained experiments, ways to use their folds, pickers and ways to tune.

    The YAML file says which: see docs/campaigns.md. Every combination is tuned on validation runs,
    each looked at by a fold that has not learnt from it, and scored on runs that it has not seen.
    The same command goes on where it was stopped, and does only what is new when the file has
    grown. Tables and a page say what came of it.

    Parameters
    ----------
    file
        Campaign as YAML.
    output
        Folder for score maps, scores, tables and campaign.html.
    limit_runs
        Tune on fewer runs: their number, or comma-separated names.
    limit_final
        Score this many runs only, for a quick look.
    force
        Do anew what is done.
    plan
        Say what would be done, and do nothing.
    device
        auto, cpu, cuda or cuda:N.
    settings
        Any setting of the file, ``section.key=value``; also as ``--section.key value``.
    """
    from tomoscout.campaigns.run import prepare
    from tomoscout.campaigns.settings import read_campaign
    from tomoscout.campaigns.store import Store
    from tomoscout.commands._campaign_files import write_results
    from tomoscout.commands._console import console
    from tomoscout.core.errors import UserError
    from tomoscout.core.settings import parse_overrides
    from tomoscout.ops.precision import choose_device

    if limit_final is not None and limit_final < 1:
        raise UserError(f"--limit-final {limit_final}: score one run or more")
    choose_device(device)
    chosen = read_campaign(file, over=parse_overrides(settings))
    store = Store(output)  # refuses a folder of something else before any work is done
    ready = prepare(chosen, tune_on=_few(limit_runs), score_on=limit_final)
    if plan:
        _tell_plan(ready, store)
        return
    scored = _run(ready, output, force=force, device=device)
    page = write_results(store, ready, scored, file=file)
    for remark in ready.plan.remarks:
        console.print(remark, highlight=False, markup=False)
    _tell_best(scored)
    console.print(f"campaign: {page}", highlight=False, markup=False)


def _few(text: str | None) -> Sequence[str] | int | None:
    """Read ``--limit-runs``: a number, or names."""
    from tomoscout.commands._runs import split_names
    from tomoscout.core.errors import UserError

    if text is None:
        return None
    if text.lstrip("-").isdigit():
        if int(text) < 1:
            raise UserError(f"--limit-runs {text}: tune on one run or more")
        return int(text)
    return split_names(text, flag="--limit-runs")


def _run(ready: Campaign, output: Path, *, force: bool, device: str) -> list[Scored]:
    """Run the campaign, a bar for its score maps and one for its rows."""
    from tomoscout.campaigns.run import Progress, run_campaign
    from tomoscout.commands._console import progress

    with progress(len(ready.plan.maps), "maps") as bar:

        def tell(now: Progress) -> None:
            bar.progress.update(bar.task, total=now.total, description=now.stage)
            bar.update(now.done, now.name)

        return run_campaign(ready, output, force=force, device=device, tell=tell)


def _tell_plan(ready: Campaign, store: Store) -> None:
    """Say how much there is to do, how much of it is done, and what is left out."""
    from tomoscout.commands._console import console

    plan = ready.plan
    maps, rows = store.summary(plan)
    console.print(f"score maps: {len(plan.maps)}, of which {maps} are done", highlight=False)
    console.print(f"rows: {len(plan.rows)}, of which {rows} are done", highlight=False)
    for row in plan.rows:
        tuned, tested = ({job.run.name for job in jobs} for jobs in (row.tuned, row.tested))
        console.print(
            f"  {row.title}: tuned on {len(tuned)} runs, scored on {len(tested)}",
            highlight=False,
            markup=False,
        )
    for remark in plan.remarks:
        console.print(remark, highlight=False, markup=False)


def _tell_best(scored: Sequence[Scored]) -> None:
    """Print the comparison, the best first."""
    from tomoscout.campaigns.tables import comparison
    from tomoscout.commands._console import console

    lines = comparison(scored)
    console.print("mean F4 over folds  pooled  folds  tomograms", highlight=False)
    for line in lines[:MOST_TOLD]:
        way = [line[key] for key in ("experiment", "strategy", "tta", "picker", "tuning")]
        console.print(
            f"{line['mean_f4']:8.3f} ± {line['std_f4']:.3f}  {line['pooled_f4']:9.3f}"
            f"  {line['folds']:5d}  {line['num_tomos']:9d}  {', '.join(way)}"
            + ("  (seen by members)" if line["seen"] else ""),
            highlight=False,
            markup=False,
        )
    if len(lines) > MOST_TOLD:
        console.print(f"... and {len(lines) - MOST_TOLD} more", highlight=False)
