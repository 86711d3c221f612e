"""The endless supply of patches with their targets, whatever they are cut from.

Patch ``i`` of epoch ``e`` is a function of (seed, e, i) and nothing else: not of the number
of workers, nor of what was drawn before. So a training that was killed and resumed sees the
same patches as one that was not, bit for bit.

What a patch is cut from is the business of a `Supply`: runs held in memory (`pool`), or
tomograms simulated meanwhile (`simulated`). From there on all patches go the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol, TypedDict, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, distributed
from torch.utils.data import Dataset
from torch.utils.data import Sampler as TorchSampler

from tomoscout.augment import (
    DEFAULT_STEPS,
    augment,
    augment_labelled,
    check_labels,
    grow,
    prepare,
)
from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Shape
from tomoscout.core.objects import ObjectTable
from tomoscout.core.settings import Choice
from tomoscout.data.annotated import is_annotated
from tomoscout.data.cutmix import cutmix as paste
from tomoscout.data.mixup import mixup as mix
from tomoscout.data.patches import crop, crop_labels
from tomoscout.data.pool import Cut, Key
from tomoscout.targets import TARGETS, needs_labels


@runtime_checkable
class Supply(Protocol):
    """What patches are cut from."""

    def draw(self, key: Key, rng: np.random.Generator) -> Cut:
        """Draw the patch of a key; the same key and random numbers give the same patch."""
        ...


class Sample(TypedDict):
    """One patch."""

    image: Float32[Tensor, "1 z y x"]
    """Normalised densities."""
    target: Float32[Tensor, "o u v w"]
    """Channel per object, at the stride asked for; NaN where nothing is annotated."""
    key: Key
    """What it was asked for by."""


class Batch(TypedDict):
    """Several patches."""

    image: Float32[Tensor, "b 1 z y x"]
    """Normalised densities."""
    target: Float32[Tensor, "b o u v w"]
    """Channel per object, at the stride asked for."""


class PatchDataset(Dataset[Sample]):
    """Patches with their targets, by (epoch, index); use it with `EpochSampler`.

    Parameters
    ----------
    supply
        What to cut from, and where.
    objects
        Table whose order gives the target's channels.
    patch
        Voxels of a patch, (z, y, x).
    augment
        What is done to each, in order.
    target
        What the network is asked for.
    stride
        Voxels per cell of the target.
    annotated_around
        How far beyond the radius of each pick the target is known, in ångström; beyond it is NaN. 0
        where all is known.
    seed
        Source of all randomness, together with the key.

    Raises
    ------
    UserError
        If a setting is wrong.
    """

    def __init__(
        self,
        supply: Supply,
        *,
        objects: ObjectTable,
        patch: Shape,
        augment: Sequence[Choice] = DEFAULT_STEPS,
        target: Choice | None = None,
        stride: int = 1,
        annotated_around: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.supply = supply
        self.objects = objects
        self.patch = patch
        self.stride = stride
        self.annotated_around = annotated_around
        self.seed = seed
        self._steps = prepare(augment)
        self._target, self._target_settings = (target or Choice(name="points")).resolve(TARGETS)
        self._crop = grow(patch, steps=self._steps)
        largest = max(entry.radius for entry in objects.each())
        self._margin = largest + max(largest, annotated_around)
        self._needs_labels = needs_labels(self._target)
        if self._needs_labels:
            check_labels(augment)

    def __getitem__(self, key: Key) -> Sample:
        """Draw, cut, augment and label one patch."""
        epoch, index = key
        rng = np.random.default_rng([self.seed, epoch, index])
        run, start = self.supply.draw(key, rng)
        # Steps that interpolate get a larger crop around the patch.
        z, y, x = (s - (c - p) // 2 for s, c, p in zip(start, self._crop, self.patch, strict=True))
        where = {"start": (z, y, x), "shape": self._crop}
        volume, picks = crop(run.one_kind(rng), run.picks, **where, margin=self._margin)
        extra = {}
        if self._needs_labels:
            if run.labels is None:
                raise UserError(f"run '{run.name}': no label volume, which this target learns from")
            labels = replace(volume, data=crop_labels(run.labels, **where))
            volume, labels, picks = augment_labelled(
                volume, labels, picks, steps=self._steps, rng=rng
            )
            extra["labels"] = np.ascontiguousarray(labels.data)
        else:
            volume, picks = augment(volume, picks, steps=self._steps, rng=rng, shape=self.patch)
        geometry = volume.geometry.at_stride(self.stride)
        target = self._target.encode(
            picks,
            objects=self.objects,
            geometry=geometry,
            settings=self._target_settings,
            **extra,
        )
        if beyond := self.annotated_around:
            known = is_annotated(picks, objects=self.objects, geometry=geometry, beyond=beyond)
            target[:, ~known] = np.nan
        image = np.ascontiguousarray(volume.read())[None]
        return Sample(image=torch.from_numpy(image), target=torch.from_numpy(target), key=key)


class EpochSampler(TorchSampler[Key]):
    """Asks for the patches of an epoch, in order; each process of several asks for its share.

    Lightning calls `set_epoch`; without it, call it before each pass over the loader.

    Parameters
    ----------
    count
        Patches in an epoch, over all processes together.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next pass."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Key]:
        rank, processes = _place()
        return iter([(self.epoch, i) for i in range(rank, self._whole(processes), processes)])

    def __len__(self) -> int:
        processes = _place()[1]
        return self._whole(processes) // processes

    def _whole(self, processes: int) -> int:
        """Patches that divide evenly among the processes, or they would wait for each other."""
        return self.count // processes * processes


def collate(
    items: Sequence[Sample],
    *,
    mixup: float = 0.0,
    mixup_probability: float = 1.0,
    cutmix: float = 0.0,
    seed: int = 0,
) -> Batch:
    """Stack patches into a batch, and mix them.

    Parameters
    ----------
    items
        Patches of one shape.
    mixup
        Parameter of the Beta distribution they are blended by; 0 blends nothing.
    mixup_probability
        Chance that a batch is blended, unless boxes are pasted.
    cutmix
        Chance that boxes of each other are pasted into the patches of a batch instead.
    seed
        Source of the mixing, together with the first patch's key.
    """
    image = torch.stack([item["image"] for item in items])
    target = torch.stack([item["target"] for item in items])
    # A fourth number keeps these streams apart from the patch's own, and from each other.
    mixing, choice = (np.random.default_rng([seed, *items[0]["key"], i]) for i in (1, 2))
    pasted, blended = choice.random(2) < (cutmix, mixup_probability)
    if pasted:
        image, target = paste(image, target, rng=mixing)
    elif blended and mixup > 0:
        image, target = mix(image, target, alpha=mixup, rng=mixing)
    return Batch(image=image, target=target)


def _place() -> tuple[int, int]:
    """Rank of this process, and how many train together."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1
