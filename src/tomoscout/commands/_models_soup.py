"""``tomoscout models soup``: the mean of several networks' weights, as weights."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tomoscout.commands._console import console, progress
from tomoscout.core.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from tomoscout.inference.weights import Detector

logger = logging.getLogger(__name__)

_PATCHES = 32  # per soup, over all tomograms: norms settle within a dozen
_ALIKE = 0.5  # cosine below which networks have hardly come from one start


def write_soup(
    weights: Sequence[str],
    output: Path | None,
    *,
    shares: str | None,
    project: Path | None,
    runs: str | None,
) -> None:
    """Average weights, send a patch through the result, and say what it is."""
    from tomoscout.commands._merge_flags import parse_shares
    from tomoscout.inference.members import find_members
    from tomoscout.inference.soup import alikeness, soup
    from tomoscout.inference.verify import verify
    from tomoscout.inference.weights import load_detector, save_detector

    if output is None:
        raise UserError("models soup: give the file to write: models soup A B -o soup.safetensors")
    if output.suffix != ".safetensors":
        raise UserError(f"--output {output}: weights are a .safetensors file: give it that suffix")
    if os.path.lexists(output):
        raise UserError(f"{output}: exists: give another name with --output, or remove it")
    if runs is not None and project is None:
        raise UserError("--runs: say whose, with --project")
    groups = [find_members(model) for model in weights]
    counts = parse_shares(shares, len(groups))
    if len(counts) != len(groups):
        raise UserError(f"--shares: found {len(counts)} for {len(groups)} weights: give one each")
    files = [path for group in groups for path in group]
    spread = [
        count / len(group) for count, group in zip(counts, groups, strict=True) for _ in group
    ]
    detectors = [load_detector(path) for path in files]
    made = soup(detectors, shares=spread)
    _tell_alikeness(detectors, alikeness(detectors))
    if project is not None:
        made = _measure(made, project, runs)
    save_detector(made, output)
    try:
        for check in verify(output):
            console.print(f"ok  {check.what}: {check.found}", highlight=False, markup=False)
    except BaseException:
        output.unlink(missing_ok=True)  # weights that do not work are no weights
        raise
    for line in (made.card.notes, f"written to {output}"):
        console.print(line, highlight=False, markup=False)


def _tell_alikeness(detectors: Sequence[Detector], cosines: Sequence[float]) -> None:
    """Say how much alike the weights are, and warn where the soup can hardly work."""
    first, *others = zip(detectors, cosines, strict=True)
    told = ", ".join(f"{detector.name} {cosine:.2f}" for detector, cosine in others)
    line = f"cosine of the weights with {first[0].name}'s: {told}"
    console.print(line, highlight=False, markup=False)
    if far := [detector.name for detector, cosine in others if cosine < _ALIKE]:
        logger.warning(
            "%s: far from %s: networks from different starts cannot be averaged; evaluate the "
            "soup before using it, or use an ensemble (--model A --model B)",
            ", ".join(far),
            first[0].name,
        )


def _measure(made: Detector, project: Path, runs: str | None) -> Detector:
    """Measure the norms of a soup on the tomograms of a project."""
    import numpy as np

    from tomoscout.commands._runs import choose_runs, kind_to_use
    from tomoscout.inference.detect import at_spacing_of
    from tomoscout.inference.norms import measure_norms, random_patches
    from tomoscout.io.project import open_project

    opened = open_project(project)
    chosen = choose_runs(opened, runs)[:_PATCHES]
    kind = kind_to_use(None, made, opened)
    rng = np.random.default_rng(0)
    each = -(-_PATCHES // len(chosen))

    def patches() -> Iterator[np.ndarray]:
        for run in chosen:
            volume = at_spacing_of(made, run.tomogram(kind))
            card = made.card
            for patch in random_patches(
                volume, card.normalise, shape=card.patch, count=each, rng=rng
            ):
                yield patch
                bar.advance()

    with progress(each * len(chosen), "measure norms") as bar:
        return measure_norms(made, patches())
