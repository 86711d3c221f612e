import json
from pathlib import Path
from typing import Any

import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII, ObjectTable, from_copick, read_objects

CONFIG: dict[str, Any] = {
    "config_type": "filesystem",
    "pickable_objects": [
        {"name": "ribosome", "is_particle": True, "label": 4, "radius": 150.0, "pdb_id": "6EK0",
         "color": [0, 92, 49, 255], "metadata": {"score_weight": 3, "weight": 7}},
        {"name": "membrane", "is_particle": False, "label": 2},
        {"name": "virus", "label": 1, "radius": 135, "metadata": {"weight": 0.5}},
        {"name": "thyroglobulin", "is_particle": True, "label": 3, "radius": None},
        {"name": "carbon", "is_particle": True, "label": 9, "radius": 20, "color": None},
    ],
}  # fmt: skip


def test_the_challenges_table_is_the_challenges():
    # Radii in Å and weights as the challenge's metric has them.
    assert {o.name: (o.radius, o.weight) for o in CZII.each()} == {
        "apo-ferritin": (60, 1),
        "beta-amylase": (65, 0),
        "beta-galactosidase": (90, 2),
        "ribosome": (150, 1),
        "thyroglobulin": (130, 2),
        "virus-like-particle": (135, 1),
    }
    assert [CZII.label(name) for name in CZII.names] == [1, 2, 3, 4, 5, 6]
    assert len({o.color for o in CZII.each()}) == 6


def test_a_copick_config_is_read_in_order_of_labels_without_other_things():
    table = from_copick(CONFIG)
    assert table.names == ["virus", "thyroglobulin", "ribosome", "carbon"]
    assert len(table) == 4
    assert table.label("ribosome") == 3  # our label is the place in the table
    assert table["ribosome"].color == (0, 92, 49)
    assert table["ribosome"].pdb_id == "6EK0"


def test_weights_come_from_the_metadata_or_else_from_the_challenge():
    table = from_copick(CONFIG)
    assert table["ribosome"].weight == 3  # score_weight comes before weight
    assert table["virus"].weight == 0.5
    assert table["thyroglobulin"].weight == 2  # the challenge's
    assert table["carbon"].weight == 1


def test_a_radius_that_is_missing_comes_from_the_challenge_or_is_asked_for():
    assert from_copick(CONFIG)["thyroglobulin"].radius == 130
    objects = [{"name": "unheard-of", "label": 1}]
    with pytest.raises(UserError, match=r"a\.json: 'objects\.0\.radius'"):
        from_copick({"pickable_objects": objects}, source="a.json")


def test_an_unknown_object_names_the_nearest():
    with pytest.raises(UserError, match=r"unknown object 'ribosom'.*Did you mean 'ribosome'"):
        CZII["ribosom"]
    with pytest.raises(UserError, match="the project has apo-ferritin"):
        CZII.label("xyz")


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_a_config_is_read_from_json_however_it_is_indented(indent: Any, tmp_path: Path):
    path = tmp_path / "copick.json"
    path.write_text(json.dumps(CONFIG, indent=indent))
    assert read_objects(path) == from_copick(CONFIG)


def test_a_table_is_read_from_yaml(tmp_path: Path):
    path = tmp_path / "objects.yaml"
    path.write_text("objects:\n- {name: a, radius: 30}\n- {name: b, radius: 40, weight: 2}\n")
    table = read_objects(path)
    assert [(o.name, o.radius, o.weight) for o in table.each()] == [("a", 30, 1), ("b", 40, 2)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("objects:\n- {name: a, raduis: 30}\n", "unknown setting.*Did you mean 'radius'"),
        ("objects:\n- {name: a, radius: -1}\n", r"'objects\.0\.radius'.*found -1"),
        ("objects:\n- {name: A, radius: 1}\n- {name: A, radius: 2}\n", "found twice: A$"),
        ("objects: []\n", "'objects'"),
        ("radius: 3\n", "expected a list under 'objects' or 'pickable_objects'"),
        ("a: [1\n", "neither YAML nor JSON"),
        ("pickable_objects: [ribosome]\n", "with a 'name' each"),
        ("pickable_objects: []\n", "no 'pickable_objects' list"),
    ],
)
def test_a_wrong_table_says_where_and_what(text: str, message: str, tmp_path: Path):
    path = tmp_path / "objects.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        read_objects(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_table_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"objects\.yaml: no such file"):
        read_objects(tmp_path / "objects.yaml")


def test_a_table_needs_an_object():
    with pytest.raises(ValueError, match="objects"):
        ObjectTable(objects=())
