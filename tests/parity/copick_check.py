"""Open a project with copick itself, and print what copick finds in it.

Run it in an environment with copick 1.31, which pins zarr 2 and so cannot be ours:
``python tests/parity/copick_check.py PROJECT/copick.json``. It leaves with an error if a run has no
tomogram, or a tomogram or a pick is not where its neighbours say it is.
"""

import sys
from pathlib import Path

import copick
import numpy as np


def main(path: Path) -> None:
    root = copick.from_file(str(path / "copick.json" if path.is_dir() else path))
    objects = {item.name: item for item in root.pickable_objects}
    print(f"objects: {', '.join(f'{o.label} {o.name} {o.radius:g} Å' for o in objects.values())}")
    print(f"runs: {len(root.runs)}")
    for run in root.runs:
        for spacing in run.voxel_spacings:
            for tomogram in spacing.tomograms:
                array = tomogram.numpy()
                extent = np.array(array.shape) * spacing.voxel_size
                print(
                    f"{run.name} {tomogram.tomo_type} at {spacing.voxel_size:g} Å: {array.shape} "
                    f"{array.dtype}, mean {array.mean():.6g}, std {array.std():.6g}"
                )
                assert np.isfinite(array).all(), "a voxel is not a number"
                assert array.std() > 0, "the tomogram is flat"
        assert run.voxel_spacings, f"{run.name}: no tomogram"
        assert run.voxel_spacings[0].tomograms, f"{run.name}: no tomogram"
        for picks in run.picks:
            xyz, matrices = picks.numpy()
            scores = [point.score for point in picks.points]
            print(
                f"{run.name} {picks.pickable_object_name} by {picks.user_id}/{picks.session_id}: "
                f"{len(xyz)} picks, scores {min(scores, default=0):.3g} to "
                f"{max(scores, default=0):.3g}, first xyz {np.round(xyz[:1], 2).tolist()}"
            )
            assert picks.pickable_object_name in objects, "an object copick does not know"
            assert matrices.shape == (len(xyz), 4, 4), "a pick without its matrix"
            assert (xyz[:, ::-1] >= 0).all(), "a pick before the corner"
            assert (xyz[:, ::-1] <= extent).all(), "a pick outside the tomogram"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
