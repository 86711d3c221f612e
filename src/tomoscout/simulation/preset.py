"""Presets: everything a simulation depends on, in one YAML file.

Precedence, lowest first: the field's default, the preset's YAML, the flag.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from pydantic import Field, model_validator

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.objects import CZII, ObjectTable, ObjectType
from tomoscout.core.settings import Settings, merge, read_yaml, validate
from tomoscout.core.shrec import SHREC21
from tomoscout.simulation import QuickSettings, Scene, Simulated, simulate
from tomoscout.simulation.molecules import Molecule
from tomoscout.simulation.physics import PhysicsSettings
from tomoscout.simulation.ranges import NonNegativeRange, PositiveRange, Share
from tomoscout.simulation.reconstruction import Kind
from tomoscout.simulation.shapes import CATALOGUE, find_shape

_TABLES = {"czii": CZII, "shrec": SHREC21}


class Vary(Settings):
    """What differs between the tomograms of a preset, beyond what its scene and optics draw."""

    crowding: PositiveRange = (1.0, 1.0)
    """Factor on the scene's crowding."""
    debris: NonNegativeRange = (1.0, 1.0)
    """Factor on the scene's debris."""
    spacing: float = Field(default=0.0, ge=0, le=0.2)
    """Largest relative deviation from the scene's voxel spacing."""
    own_look: float = Field(default=0.0, ge=0, le=1)
    """How often a molecule that was given looks like the package's own model all the same."""


class Simulation(Settings):
    """What is simulated."""

    scene: Scene = Scene()
    """What the tomograms hold."""
    physics: Literal["full", "quick"] = "full"
    """Microscope: ``full`` takes tilt series, ``quick`` filters once and is four times faster."""
    full: PhysicsSettings = PhysicsSettings()
    """Imaging conditions of the full microscope."""
    quick: QuickSettings = QuickSettings()
    """Imaging conditions of the quick one."""
    kinds: tuple[Kind, ...] = Field(default=("denoised",), min_length=1)
    """Kinds of tomogram: ``denoised``, ``wbp``, ``ctfdeconvolved``, ``isonetcorrected``."""
    objects: Literal["czii", "shrec"] = "czii"
    """Table of the objects that are placed and picked."""
    distractors: tuple[str, ...] = ()
    """Molecules of the package that stand among them and are not picked."""
    strangers: float = Field(default=8.0, ge=0)
    """Mean number of each of them in a tomogram of the challenge's size."""
    vary: Vary = Vary()
    """What differs between tomograms."""
    wobble: float = Field(default=3.0, ge=0)
    """How far molecules stray from the published shapes, in ångström."""
    cargo: Share = (0.8, 1.0)
    """How full hollow molecules are, lowest and highest, as a share of the most they hold."""

    @model_validator(mode="after")
    def _possible(self) -> Simulation:
        """Refuse kinds that the quick microscope cannot make."""
        if self.physics == "quick" and set(self.kinds) != {"denoised"}:
            raise ValueError(
                f"the quick microscope makes 'denoised' only, not {', '.join(self.kinds)}: choose "
                "--physics full, or --kinds denoised"
            )
        return self

    @property
    def microscope(self) -> PhysicsSettings | QuickSettings:
        """Settings of the chosen microscope."""
        return self.full if self.physics == "full" else self.quick

    @property
    def table(self) -> ObjectTable:
        """The objects that are placed and picked."""
        return _TABLES[self.objects]

    def distractor_table(self) -> ObjectTable | None:
        """Return the table of the distractors.

        Raises
        ------
        UserError
            If the package has no model of one.
        """
        if not self.distractors:
            return None
        for name in self.distractors:
            if find_shape(name) is None:
                raise UserError(
                    f"distractors: no model of '{name}' in the package."
                    + did_you_mean(name, CATALOGUE)
                )
        return ObjectTable(
            objects=tuple(ObjectType(name=name, radius=100) for name in self.distractors)
        )


class Preset(Simulation):
    """What is simulated, and how it is written."""

    layout: Literal["copick", "shrec"] = "copick"
    """How runs are written: as copick and the challenge have them, or as SHREC 2021."""
    needs_picks: bool = False
    """Whether the preset makes no sense without given picks."""


def run_preset(
    preset: Simulation,
    *,
    seed: int,
    objects: ObjectTable,
    distractors: ObjectTable | None = None,
    molecules: Mapping[str, Molecule] | None = None,
    **others: Any,
) -> Simulated:
    """Simulate one run as a preset says; the same arguments give the same bytes.

    Parameters
    ----------
    preset
        What is simulated.
    seed
        Decides everything that is drawn.
    objects, distractors
        What is picked, and what stands among it.
    molecules
        Looks of objects or distractors, by name.
    others
        Passed on to `simulate`.
    """
    rng = np.random.default_rng([seed, 1])
    vary, scene = preset.vary, preset.scene
    update = {
        "crowding": scene.crowding * float(rng.uniform(*vary.crowding)),
        "debris": scene.debris * float(rng.uniform(*vary.debris)),
        "voxel_spacing": scene.voxel_spacing
        * float(rng.uniform(1 - vary.spacing, 1 + vary.spacing)),
    }
    others_too = None
    if distractors is not None:
        strangers = tuple(o for o in distractors.each() if o.name not in objects.names)
        others_too = ObjectTable(objects=strangers) if strangers else None
    looks = {n: m for n, m in (molecules or {}).items() if rng.random() >= vary.own_look}
    return simulate(
        seed=seed,
        scene=scene.model_copy(update=update),
        microscope=preset.microscope,
        objects=objects,
        distractors=others_too,
        strangers=preset.strangers,
        molecules=looks,
        kinds=preset.kinds,
        wobble=preset.wobble,
        cargo=preset.cargo,
        **others,
    )


def preset_names() -> list[str]:
    """Names of the presets in the package."""
    folder = resources.files("tomoscout.simulation") / "presets"
    return sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".yaml"))


def read_preset(name: str | Path, overrides: Mapping[str, Any] | None = None) -> Preset:
    """Read a preset by name or path, and lay flags over it.

    Counts of a preset are those of its own volume: another one holds as many for its size, unless
    counts are given as well.

    Parameters
    ----------
    name
        Name of a preset in the package, or path of a YAML file.
    overrides
        Nested settings that win over the preset's.

    Raises
    ------
    UserError
        If there is no such preset, a key is misspelt or a value is wrong.
    """
    values, source = preset_values(name)
    chosen = validate(Preset, merge(values, overrides or {}), source=source)
    counts = values.get("scene", {}).get("counts")
    if counts is None or chosen.scene.counts != counts:
        return chosen
    own = validate(Preset, values, source=source).scene
    share = _volume(chosen.scene) / _volume(own)
    scaled = {name: max(round(count * share), min(count, 1)) for name, count in counts.items()}
    return chosen.model_copy(update={"scene": chosen.scene.model_copy(update={"counts": scaled})})


def _volume(scene: Scene) -> float:
    """Volume of the tomogram, in cubic ångström."""
    return float(np.prod(np.array(scene.shape) * scene.voxel_spacing))


def preset_values(name: str | Path) -> tuple[dict[str, Any], str]:
    """Return what a preset's YAML says, and what messages call it.

    Raises
    ------
    UserError
        If there is no such preset.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        return read_yaml(path), str(path)
    names = preset_names()
    if str(name) not in names:
        raise UserError(
            f"no preset '{name}': choose from {', '.join(names)}, or give a YAML file."
            + did_you_mean(str(name), names)
        )
    file = resources.files("tomoscout.simulation") / "presets" / f"{name}.yaml"
    return yaml.safe_load(file.read_text("utf-8")) or {}, f"preset {name}"
