import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.settings import validate
from tomoscout.targets.heatmaps import Settings, encode

OBJECTS = ObjectTable(
    objects=(ObjectType(name="small", radius=60), ObjectType(name="large", radius=150))
)


def heatmaps(picks: Picks, *, stride=1, shape=(40, 42, 44), **options) -> np.ndarray:
    geometry = Geometry(shape, 10.0, stride)
    return encode(picks, objects=OBJECTS, geometry=geometry, settings=Settings(**options))


def by_definition(picks: Picks, name: str, sigma: float, geometry: Geometry) -> np.ndarray:
    cells = np.stack(np.meshgrid(*map(np.arange, geometry.cells), indexing="ij"), -1)
    centres = geometry.to_angstrom(cells.reshape(-1, 3))
    distance = np.linalg.norm(centres[:, None] - picks.of(name).zyx, axis=2).min(axis=1)
    bump = np.where(distance <= 3 * sigma, np.exp(-0.5 * (distance / sigma) ** 2), 0)
    return bump.reshape(geometry.cells)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("options", [{"sigma": 0.25}, {"sigma_angstrom": 35.0}])
def test_the_map_is_a_gaussian_of_the_distance_to_the_nearest_centre(stride, options):
    rng = np.random.default_rng(3)
    picks = Picks(rng.uniform(-50, 450, (10, 3)), np.repeat(OBJECTS.names, 5))
    target = heatmaps(picks, stride=stride, **options)
    geometry = Geometry((40, 42, 44), 10.0, stride)
    for channel, entry in enumerate(OBJECTS.each()):
        sigma = options.get("sigma_angstrom") or 0.25 * entry.radius
        expected = by_definition(picks, entry.name, sigma, geometry)
        np.testing.assert_allclose(target[channel], expected, atol=1e-6)


def test_the_top_is_one_on_a_cell_and_a_fit_finds_it_between_cells():
    assert heatmaps(Picks(np.array([[200.0, 210.0, 220.0]]), "small"))[0, 20, 21, 22] == 1.0
    between = heatmaps(Picks(np.array([[203.0, 210.0, 220.0]]), "small"))[0, 19:22, 21, 22]
    below, here, above = np.log(between)
    assert 10 * (20 + 0.5 * (below - above) / (below - 2 * here + above)) == pytest.approx(203.0)


def test_a_width_of_zero_is_refused():
    with pytest.raises(UserError, match=r"'sigma'.*greater than 0"):
        validate(Settings, {"sigma": 0}, source="recipe.yaml")
