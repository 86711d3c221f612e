"""``tomoscout discover``: what is in tomograms that nobody has annotated."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from tomoscout.core import usual

if TYPE_CHECKING:
    from tomoscout.io.project import Project


def discover(
    project: Path,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    encoder: str | None = None,
    recipe: Annotated[str | None, Parameter(show_default=lambda _: usual.ENCODER_RECIPE)] = None,
    runs: str | None = None,
    kind: str | None = None,
    clusters: int = usual.CLUSTERS,
    method: str = usual.GROUPING,
    keep: str | None = None,
    radius: float = usual.RADIUS,
    stride: int = usual.STRIDE,
    threshold: float = usual.THRESHOLD,
    projection: Literal["pca", "umap"] = usual.PROJECTION,
    voxel_spacing: float | None = None,
    device: str = "auto",
    overwrite: bool = False,
    settings: Annotated[tuple[str, ...], Parameter(name="--set", show=False)] = (),
) -> None:
    """Group what tomograms hold by its looks, without labels, and pick what looks like particles.

    First trains an encoder on the tomograms (or takes the one given); then looks at each of them
    through it, on a grid and at dark blobs. Writes discover.html with what each cluster looks like,
    a presence map per run, and picks of the clusters that are kept. The same command goes on where
    it was stopped; with other --clusters or --keep only the last steps are done anew.

    Parameters
    ----------
    project
        Tomogram, folder of tomograms, copick config or Kaggle folder; its picks are not looked at.
    output
        Folder for the encoder, the embeddings, the page, presence maps and picks.
    encoder
        Weights of an encoder to use, instead of training one: a folder or an .safetensors file. Of
        a detector's weights the encoding half is taken, which sees crops of 160 Å.
    recipe
        How the encoder is trained: the name of a contrastive recipe in the package, or a YAML file.
        Any setting of it is a flag: --training.steps 300.
    runs
        Comma-separated runs; all when not given.
    kind
        Kind of tomogram; denoised, or the only one, when not given.
    clusters
        How many groups to make (kmeans).
    method
        kmeans, or hdbscan: as many dense groups as there are.
    keep
        Comma-separated clusters to pick, after a look at the page; by default what the rule takes
        for particles.
    radius
        Of the particles in Å, about: picks of a cluster lie 1.2 radii apart at least.
    stride
        Voxels between the crops of the grid.
    threshold
        Lowest score of a pick; at 0.5 a crop is on the border of its cluster.
    projection
        Picture of the crops on the page: pca, their principal components, or umap, which keeps
        neighbours together (extra umap).
    voxel_spacing
        Edge of a voxel in Å, where the files' headers do not say.
    device
        auto, cpu, cuda or cuda:N.
    overwrite
        Train the encoder anew, with other settings or runs than before.
    """
    from tomoscout.commands._discovered import Discovery, write_discovery
    from tomoscout.commands._encoders import EMBEDDINGS, check_folder, encoder_for, recipe_of
    from tomoscout.commands._runs import choose_runs, kind_to_use
    from tomoscout.commands._survey import Look, survey
    from tomoscout.core.settings import Choice, validate
    from tomoscout.discovery.cluster import ClusterSettings
    from tomoscout.discovery.settings import LookSettings
    from tomoscout.io.project import open_project
    from tomoscout.ops.precision import choose_device
    from tomoscout.reporting.umap_plane import check_umap

    choose_device(device)
    if projection == "umap":
        check_umap()
    grouping = validate(ClusterSettings, {"method": method, "k": clusters}, source="clusters")
    numbers = {"stride": stride, "radius": radius, "threshold": threshold}
    looked = validate(LookSettings, numbers, source="flags")
    kept = None if keep is None else _numbers(keep)
    checked = recipe_of(encoder, recipe, settings)
    opened: Project = open_project(project, voxel_spacing=voxel_spacing)
    chosen = choose_runs(opened, runs)
    check_folder(output, job="discover")
    weights = encoder_for(
        opened, output,
        encoder=encoder, recipe=checked, runs=[run.name for run in chosen], kind=kind,
        device=device, overwrite=overwrite,
    )  # fmt: skip
    kind = kind_to_use(kind, weights, opened)
    candidates = Choice.model_validate(weights.card.recipe.get("candidates", {"name": "dog"}))
    look = Look(kind, candidates, looked.stride, looked.radius, device)
    found = survey(chosen, weights, output / EMBEDDINGS, look=look)
    flags = {
        "--encoder": encoder, "--recipe": recipe, "--runs": runs, "--kind": kind,
        "--clusters": clusters, "--method": method, "--radius": radius, "--stride": stride,
        "--threshold": threshold, "--projection": projection,
        "--voxel-spacing": voxel_spacing, "--keep": keep,
    }  # fmt: skip
    defaults = {
        "--clusters": usual.CLUSTERS, "--method": usual.GROUPING, "--radius": usual.RADIUS,
        "--stride": usual.STRIDE, "--threshold": usual.THRESHOLD,
        "--projection": usual.PROJECTION,
    }  # fmt: skip
    pairs = [(flag, value) for flag, value in flags.items() if value != defaults.get(flag)]
    pairs += [("--set", setting) for setting in settings]
    command = ["tomoscout", "discover", str(project), "-o", str(output)]
    command += [str(word) for pair in pairs for word in pair]
    what = Discovery(opened, chosen, kind, weights, found, shlex.join(command))
    write_discovery(what, output, grouping=grouping, keep=kept, look=looked, projection=projection)


def _numbers(text: str) -> list[int]:
    """Read comma-separated numbers of clusters."""
    from tomoscout.core.errors import UserError

    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise UserError(
            f"--keep '{text}': give numbers of clusters separated by commas, such as 2,5"
        ) from error
