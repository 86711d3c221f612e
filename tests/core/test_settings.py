from pathlib import Path

import pytest
from pydantic import Field

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.settings import Choice, Settings, merge, read_yaml, validate


class Optimiser(Settings):
    learning_rate: float = Field(default=1e-3, gt=0)
    """Step size."""


class Part(Settings):
    radius: float = 1.0
    """A radius."""


class Recipe(Settings):
    optimiser: Optimiser = Optimiser()
    """How to learn."""
    parts: tuple[Part, ...] = ()
    """Parts."""
    extra: Part | None = None
    """One more part."""


def test_later_settings_lie_over_earlier_ones_at_every_depth():
    base = {"a": {"x": 1, "y": {"z": 2}}, "b": 3}
    assert merge(base, {"a": {"y": {"w": 4}}, "b": 5}) == {
        "a": {"x": 1, "y": {"z": 2, "w": 4}},
        "b": 5,
    }
    assert base == {"a": {"x": 1, "y": {"z": 2}}, "b": 3}


def test_another_alternative_drops_the_options_of_the_old_one():
    base = {"model": {"name": "unet", "dropout": 0.2}}
    assert merge(base, {"model": {"name": "scout"}}) == {"model": {"name": "scout"}}
    assert merge(base, {"model": {"name": "unet", "norm": "batch"}}) == {
        "model": {"name": "unet", "dropout": 0.2, "norm": "batch"}
    }
    assert merge(base, {"model": {"dropout": 0.5}})["model"] == {"name": "unet", "dropout": 0.5}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"optimizer": {}}, "unknown setting 'optimizer'. Did you mean 'optimiser'"),
        (
            {"optimiser": {"learning_rat": 1}},
            "unknown setting 'optimiser.learning_rat'. Did you mean 'learning_rate'",
        ),
        ({"parts": [{"raduis": 1}]}, "unknown setting 'parts.0.raduis'. Did you mean 'radius'"),
        ({"extra": {"raduis": 1}}, "unknown setting 'extra.raduis'. Did you mean 'radius'"),
        ({"zzz": 1}, "unknown setting 'zzz'. Known: optimiser, parts, extra."),
        (
            {"optimiser": {"learning_rate": -1}},
            "'optimiser.learning_rate': input should be greater than 0, found -1",
        ),
    ],
)
def test_a_wrong_setting_names_its_source_and_the_nearest_key(values: dict, message: str):
    with pytest.raises(UserError) as caught:
        validate(Recipe, values, source="scout.yaml")
    assert str(caught.value).startswith(f"scout.yaml: {message}")


def test_a_long_value_is_cut_short_in_the_message():
    with pytest.raises(UserError) as caught:
        validate(Recipe, {"optimiser": "x" * 1000}, source="a.yaml")
    assert len(str(caught.value)) < 250


def test_right_settings_pass_and_do_not_change():
    recipe = validate(Recipe, {"optimiser": {"learning_rate": 0.1}}, source="a.yaml")
    assert recipe.optimiser.learning_rate == 0.1
    with pytest.raises(ValueError, match="frozen"):
        recipe.optimiser = Optimiser()  # type: ignore[misc]


def test_a_choice_keeps_its_options_beside_its_name():
    assert Choice.model_validate({"name": "unet", "dropout": 0.2}).options == {"dropout": 0.2}
    assert Choice(name="unet").options == {}


def test_yaml_is_a_mapping_or_an_error_that_names_the_file(tmp_path: Path):
    path = tmp_path / "a.yaml"
    with pytest.raises(UserError, match=r"a\.yaml: no such file"):
        read_yaml(path)
    for text, message in (("a: [1", "not YAML"), ("- 1\n", "expected 'key: value' lines, found l")):
        path.write_text(text)
        with pytest.raises(UserError, match=message):
            read_yaml(path)
    path.write_text("a: {b: 1}\n")
    assert read_yaml(path) == {"a": {"b": 1}}


def test_the_nearest_name_is_offered_only_when_one_is_near():
    assert did_you_mean("ribosom", ["ribosome", "virus"]) == " Did you mean 'ribosome'?"
    assert did_you_mean("xyz", ["ribosome", "virus"]) == ""
