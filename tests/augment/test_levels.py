"""The words, and which axes each of them turns: proven with a volume that no turn leaves alike."""

import numpy as np
import pytest

from tomoscout.augment import WORDS, augment, grow, levels, prepare
from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume

EDGE = 25
ARMS = 10.0 * np.diag([4.0, 6.0, 8.0])  # Å along z, y and x, each of its own length
MIDDLE = np.full(3, 10.0 * (EDGE - 1) / 2)


def asymmetric() -> Volume:
    """Three bars from the middle, along +z, +y and +x, of different length and brightness."""
    data = np.zeros((EDGE,) * 3, np.float32)
    c = EDGE // 2
    data[c : c + 5, c, c], data[c, c : c + 7, c], data[c, c, c : c + 9] = 1, 2, 3
    return Volume(data, 10.0)


def after(steps: tuple[Choice, ...], seed: int) -> tuple[Volume, np.ndarray]:
    """The volume, and where the three arms point, after steps of certain effect."""
    sure = [Choice(name=s.name, **{**s.options, "probability": 1.0}) for s in steps]
    volume, picks = augment(
        asymmetric(),
        Picks(MIDDLE + ARMS, "a"),
        steps=prepare(sure),
        rng=np.random.default_rng(seed),
    )
    return volume, picks.zyx - MIDDLE


def chosen(word: str, *names: str) -> tuple[Choice, ...]:
    return tuple(step for step in levels(word) if step.name in names)


def test_each_level_has_what_the_ones_before_it_have():
    assert WORDS[0] == "none"
    assert levels("none") == ()
    for mode in ("anisotropic", "isotropic"):
        base, advanced = levels(f"base-{mode}"), levels(f"advanced-{mode}")
        assert advanced[: len(base)] == base
        assert [s.name for s in base] == ["flip", "quarter_turn", "rotate", "scale"]
        assert [s.name for s in advanced[len(base) :]] == ["gamma", "mean_std_shift"]


@pytest.mark.parametrize("word", WORDS)
def test_every_level_can_be_run(word):
    steps = prepare(levels(word))
    shape = grow((16, 16, 16), steps=steps)
    volume = Volume(np.random.default_rng(0).random(shape, np.float32), 10.0)
    rng = np.random.default_rng(1)
    for _ in range(5):
        out, _ = augment(volume, Picks.empty(), steps=steps, rng=rng, shape=(16, 16, 16))
        assert out.shape == (16, 16, 16)


def test_anisotropic_turns_keep_the_beam_upright():
    turned = set()
    for seed in range(40):
        volume, arms = after(chosen("base-anisotropic", "quarter_turn", "rotate"), seed)
        np.testing.assert_allclose(arms[0], ARMS[0], atol=1e-9)  # z goes nowhere
        np.testing.assert_allclose(arms[1:, 0], 0, atol=1e-9)  # y and x stay in their plane
        c = EDGE // 2
        assert volume.read()[c + 1 : c + 5, c, c].min() > 0.99  # and so do the voxels
        turned.add(int(np.rint(np.degrees(np.arctan2(arms[2, 1], arms[2, 2])) / 90)) % 4)
    assert turned == {1, 2, 3}


def test_anisotropic_rotations_are_small_and_in_the_plane_of_y_and_x():
    angles = []
    for seed in range(100):
        _, arms = after(chosen("base-anisotropic", "rotate"), seed)
        angles.append(np.degrees(np.arctan2(arms[2, 1], arms[2, 2])))
        np.testing.assert_allclose(arms[:, 0], ARMS[:, 0], atol=1e-9)
    assert 5.0 < np.max(angles) <= 5.73
    assert -5.73 <= np.min(angles) < -5.0


def test_isotropic_turns_take_every_axis_to_every_axis():
    seen = np.zeros((3, 3), int)
    for seed in range(200):
        volume, arms = after(chosen("base-isotropic", "quarter_turn"), seed)
        seen += np.abs(arms) > 1
        for arm, value in zip(arms, (1, 2, 3), strict=True):  # the end of each bar is there too
            z, y, x = np.rint((MIDDLE + arm) / 10).astype(int)
            assert volume.read()[z, y, x] == value
    assert seen.min() > 15


def test_isotropic_rotations_are_about_all_axes():
    offs = np.array([after(chosen("base-isotropic", "rotate"), s)[1] for s in range(200)])
    spread = offs.std(axis=0) / np.diag(ARMS)[:, None]
    # Each arm moves towards both others alike: some 5.7°/sqrt(3) of its length.
    off_diagonal = spread[~np.eye(3, dtype=bool)]
    np.testing.assert_allclose(off_diagonal, np.radians(5.7) / np.sqrt(3), rtol=0.2)


def test_gamma_follows_its_exponents():
    volume = Volume(np.array([0, 0.5, 1], np.float32).reshape(1, 1, 3), 10.0)
    (step,) = prepare(chosen("advanced-anisotropic", "gamma"))
    rng = np.random.default_rng(0)
    half = [
        step.module.apply(volume, Picks.empty(), settings=step.settings, rng=rng)[0].read()[0, 0, 1]
        for _ in range(400)
    ]
    found = np.log(half) / np.log(0.5)
    bent = found[~np.isclose(found, 1, atol=1e-6)]
    assert 0.2 < len(bent) / 400 < 0.4
    assert 0.7 <= bent.min() < 0.75
    assert 1.45 < bent.max() <= 1.5


def test_a_misspelt_level_is_refused():
    with pytest.raises(UserError, match="Did you mean 'base-isotropic'"):
        levels("base-isotropc")
    with pytest.raises(UserError, match="two rising numbers"):
        prepare([Choice(name="gamma", exponents=(1.5, 0.7))])
