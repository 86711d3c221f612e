"""``tomoscout find``: the rest of what a few examples show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tomoscout.core import usual

if TYPE_CHECKING:
    from tomoscout.core.picks import Picks
    from tomoscout.discovery.examples import Examples
    from tomoscout.inference.encoder_weights import EncoderWeights

FACTS = "find.json"

_SAMPLE = 20_000  # crops that say what crops look like in general, over all runs
_POOR = 3.0  # steps of the ground's scatter below which examples are told to be poor


def find(
    project: Path,
    *,
    like: Path,
    output: Annotated[Path, Parameter(alias="-o")],
    encoder: str | None = None,
    recipe: Annotated[str | None, Parameter(show_default=lambda _: usual.ENCODER_RECIPE)] = None,
    runs: str | None = None,
    kind: str | None = None,
    turns: int = usual.TURNS,
    stride: int = usual.STRIDE,
    threshold: float = usual.THRESHOLD,
    maps: bool = False,
    objects: Path | None = None,
    voxel_spacing: float | None = None,
    device: str = "auto",
    overwrite: bool = False,
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
        discover' or its encoder/, or a .safetensors file. Of a detector's weights the encoding half
        is taken, which sees crops of 160 Å.
    recipe
        How the encoder is trained: the name of a contrastive recipe in the package, or a YAML file.
        Any setting of it is a flag: --training.steps 300.
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
    overwrite
        Train the encoder anew, with other settings than before.
    """
    from tomoscout.commands._console import console, progress
    from tomoscout.commands._discovered import forget, read_facts, write_found, write_map
    from tomoscout.commands._encoders import EMBEDDINGS, check_folder, encoder_for, recipe_of
    from tomoscout.commands._picks import given_picks
    from tomoscout.commands._runs import choose_runs, kind_to_use
    from tomoscout.commands._survey import Look, survey
    from tomoscout.commands._tables import conclude
    from tomoscout.core.settings import Choice, validate
    from tomoscout.discovery.embed import sample_of
    from tomoscout.discovery.examples import Examples, ViewSettings
    from tomoscout.discovery.picks import pick_places
    from tomoscout.discovery.prototypes import build_prototypes
    from tomoscout.discovery.settings import LookSettings
    from tomoscout.inference.detect import FLOOR
    from tomoscout.io._atomic import write_json
    from tomoscout.io.picks import write_picks
    from tomoscout.io.project import open_project
    from tomoscout.ops.precision import choose_device

    choose_device(device)
    views = validate(ViewSettings, {"turns": turns}, source="flags")
    looked = validate(LookSettings, {"stride": stride, "threshold": threshold}, source="flags")
    checked = recipe_of(encoder, recipe, settings)
    opened = open_project(project, voxel_spacing=voxel_spacing, objects=objects)
    chosen = choose_runs(opened, runs)
    given = given_picks(
        like, opened, opened.objects, flag="--like", voxel_spacing=voxel_spacing, table=objects
    )
    check_folder(output, job="find")
    weights = encoder_for(
        opened, output, encoder=encoder, recipe=checked, runs=None, kind=kind, device=device,
        overwrite=overwrite,
    )  # fmt: skip
    kind = kind_to_use(kind, weights, opened)
    examples = Examples.join(
        _seen(opened[run].tomogram(kind), picks, weights, views, device)
        for run, picks in given.items()
    )
    names = sorted({str(name) for name in examples.objects})
    radii = {name: opened.objects[name].radius for name in names}
    # As 'discover' looks for them, whatever the examples: other ones then cost nothing anew.
    candidates = Choice.model_validate(weights.card.recipe.get("candidates", {"name": "dog"}))
    look = Look(kind, candidates, looked.stride, looked.radius, device)
    found = survey(chosen, weights, output / EMBEDDINGS, look=look)
    sample, _ = sample_of(found, _SAMPLE // len(found))
    prototypes = build_prototypes(examples, sample)
    picked, done = output / "picks", dict[str, Any]()
    forget(picked, list(read_facts(output / FACTS).get("objects", {})))
    with progress(len(found), "find") as bar:
        for run in found:
            below = pick_places(run, prototypes, radii=radii, threshold=FLOOR)
            write_picks(below, picked / "candidates" / f"{run.run}.csv", overwrite=True)
            sure = pick_places(run, prototypes, radii=radii, threshold=looked.threshold)
            done[run.run] = write_found(run, sure, picked, names=prototypes.objects)
            if maps:
                write_map(run, prototypes, output / "maps" / f"{run.run}.scores.zarr")
            bar.advance()
    levels = prototypes.facts()
    write_json(output / FACTS, {"objects": levels, "runs": done}, overwrite=True)
    write_json(picked / FACTS, {"runs": done}, overwrite=True)
    for name, level in levels.items():
        if level["separation"] < _POOR:
            console.print(
                f"{name}: its {level['examples']} examples hardly stand out from the ground "
                f"({level['separation']:.1f} steps of its scatter): look before you trust them",
                highlight=False,
            )
    conclude(picked, done, [run.name for run in chosen], found.failed)


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
