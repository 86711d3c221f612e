"""Picks and truth that are scored by hand, and files of them."""

import json

# One run by hand, apo-ferritin (weight 1 of 7, reach 30 Å): the first pick stands in two targets,
# the second is 10 Å off, the third a duplicate of it, the fourth a false alarm; one is missed.
TRUTH = {"TS_1": [500.0, 529.5, 1000.0, 2000.0], "TS_2": [700.0]}
PICKS = {"TS_1": [515.0, 1010.0, 1012.0, 3000.0]}


def write_csv(path, runs, name="apo-ferritin"):
    rows = [(run, name, x, 200.0, 100.0) for run, xs in runs.items() for x in xs]
    lines = [f"{i},{','.join(map(str, row))}" for i, row in enumerate(rows)]
    path.write_text("\n".join(["id,experiment,particle_type,x,y,z", *lines]) + "\n")
    return path


def write_project(root, runs, name="apo-ferritin"):
    for run, xs in runs.items():
        folder = root / "overlay" / "ExperimentRuns" / run / "Picks"
        folder.mkdir(parents=True)
        points = [{"location": {"x": x, "y": 200.0, "z": 100.0}} for x in xs]
        content = {"pickable_object_name": name, "run_name": run, "points": points}
        (folder / f"{name}.json").write_text(json.dumps(content))
    return root
