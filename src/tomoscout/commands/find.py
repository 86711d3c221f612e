"""``tomoscout find``: the rest of what a few examples show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from tomoscout.core.picks import Picks
    from tomoscout.discovery.examples import Examples
    from tomoscout.discovery.prototypes import Prototypes
    from tomoscout.inference.encoder_weights import EncoderWeights
    from tomoscout.io.embeddings import EmbeddedRun


def find(
    project: Path,
    *,
    like: Path,
    output: Annotated[Path, Parameter(alias="-o")],
    encoder: str | None = None,
    recipe: str | None = None,
    runs: str | None = None,
    kind: str | None = None,
    turns: int = 4,
    stride: int = 8,
    threshold: float = 0.5,
    maps: bool = False,
    objects: Path | None = None,
    voxel_spacing: float | None = None,
    device: str = "auto",
    settings: Annotated[tuple[str, ...], Parameter(name="--set", show=False)] = (),
) -> None:
    """Find what looks like a few examples, of one object or several, without training a detector.

    One to five picks of each object are enough. An encoder is trained on the tomograms without
    labels (or one is given); what the examples have in common to it is looked for at the dark blobs
    of every run. Writes picks.star, picks.csv and copick JSON. The same command goes on where it
    was stopped; with other examples only the last step is done anew.

    Parameters
    ----------
    project
        Tomogram, folder of tomograms, copick config or Kaggle folder.
    like
        Picks to go by: a file in any format, a folder of picks, or a project.
    output
        Folder for the encoder, the embeddings and the picks.
    encoder
        Weights of an encoder to use, instead of training one: a folder, such as that of 'tomoscout
        discover' or its encoder/, or a .safetensors file.
    recipe
        How the encoder is trained: the name of a contrastive recipe in the package, or a YAML file;
        contrast-3d when not given. Any setting of it is a flag: --training.steps 300.
    runs
        Comma-separated runs to search; all when not given.
    kind
        Kind of tomogram; denoised, or the only one, when not given.
    turns
        Evenly spaced turns about the beam's axis that each example is looked at from.
    stride
        Voxels between the crops of the grid that says what crops look like in general.
    threshold
        Lowest score of a pick.
    maps
        Write score maps too, as 'tomoscout pick --scores' takes them.
    objects
        Table of objects (YAML or copick config), instead of the project's own.
    voxel_spacing
        Edge of a voxel in Å, where the files' headers do not say.
    device
        auto, cpu, cuda or cuda:N.
    """
    from tomoscout.commands._console import console, progress
    from tomoscout.commands._encoders import encoder_for, recipe_of
    from tomoscout.commands._picks import given_picks
    from tomoscout.commands._runs import choose_runs
    from tomoscout.commands._survey import Look, survey
    from tomoscout.commands._tables import conclude
    from tomoscout.core.settings import Choice, validate
    from tomoscout.discovery.embed import sample_of
    from tomoscout.discovery.examples import Examples, ViewSettings
    from tomoscout.discovery.prototypes import build_prototypes
    from tomoscout.io._atomic import write_json
    from tomoscout.io.project import open_project
    from tomoscout.ops.precision import choose_device

    choose_device(device)
    looks = validate(ViewSettings, {"turns": turns}, source="--turns")
    checked = recipe_of(encoder, recipe, settings, usual="contrast-3d")
    opened = open_project(project, voxel_spacing=voxel_spacing, objects=objects)
    chosen = choose_runs(opened, runs)
    given = given_picks(like, opened, opened.objects, flag="--like")
    weights = encoder_for(opened, output, encoder=encoder, recipe=checked, runs=None, device=device)
    kind = kind or weights.card.recipe.get("kind")  # what it has learnt from
    examples = Examples.join(
        _seen(opened[run].tomogram(kind), picks, weights, looks, device)
        for run, picks in given.items()
    )
    names = sorted({str(name) for name in examples.objects})
    radii = {name: opened.objects[name].radius for name in names}
    candidates = Choice(name="dog", diameters=_diameters(radii))
    look = Look(kind, candidates, stride, min(radii.values()), device)
    found, failed = survey(chosen, weights, output / "embeddings", look=look)
    sample, _ = sample_of(found.values(), 20_000 // len(found))
    prototypes = build_prototypes(examples, sample)
    picked, facts = output / "picks", dict[str, Any]()
    with progress(len(found), "find") as bar:
        for run in found.values():
            facts[run.run] = _write(
                run, prototypes, picked, radii=radii, threshold=threshold, maps=maps
            )
            bar.advance()
    write_json(output / "prototypes.json", prototypes.facts(), overwrite=True)
    for name, level in prototypes.facts().items():
        if level["separation"] < 3:
            console.print(
                f"{name}: its {level['examples']} examples hardly stand out from the ground "
                f"({level['separation']:.1f} steps of its scatter): look before you trust them",
                highlight=False,
            )
    conclude(picked, facts, [run.name for run in chosen], failed)


def _seen(volume: Any, picks: Picks, encoder: EncoderWeights, looks: Any, device: str) -> Examples:
    """Embed the examples of a run."""
    from functools import partial

    from tomoscout.discovery.embed import as_trained
    from tomoscout.discovery.examples import see_examples
    from tomoscout.inference.embedding import embed_crops
    from tomoscout.ops.normalise import measure

    seen = as_trained(volume.load(), encoder)
    embed = partial(embed_crops, encoder=encoder, device=device)
    scale = measure(seen, encoder.card.normalise)
    return see_examples(
        seen, picks, embed, crop=encoder.card.crop, normaliser=scale, settings=looks
    )


def _diameters(radii: Mapping[str, float]) -> list[float]:
    """Return the sizes of blobs to look for: those of the objects, and of their denser middles."""
    return sorted({round(factor * 2 * r, 1) for r in radii.values() for factor in (0.6, 1.0)})


def _write(
    run: EmbeddedRun,
    prototypes: Prototypes,
    output: Path,
    *,
    radii: dict[str, float],
    threshold: float,
    maps: bool,
) -> dict[str, Any]:
    """Write the picks of a run as copick JSON, and its score map; return what the tables need."""
    from tomoscout.commands._discovered import write_map
    from tomoscout.core.picks import Picks
    from tomoscout.discovery.picks import pick_places
    from tomoscout.io.picks import write_picks
    from tomoscout.io.picks.copick import write_overlay

    frame = Picks.empty(run.run, run.extent)
    picks = Picks.concatenate(
        [frame, pick_places(run, prototypes, radii=radii, threshold=threshold)]
    )
    below = Picks.concatenate([frame, pick_places(run, prototypes, radii=radii, threshold=0.03)])
    write_picks(below, output / "candidates" / f"{run.run}.csv", overwrite=True)
    write_overlay([picks], output, names=list(prototypes.objects))
    if maps:
        write_map(run, prototypes, output.parent / "maps" / f"{run.run}.scores.zarr")
    return {
        "extent": run.extent,
        "picks": {name: len(picks.of(name)) for name in prototypes.objects},
    }
