"""The data portal's names of the challenge's objects, as its files write them."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomoscout.core import aliases
from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII, ObjectTable, ObjectType, from_copick

PORTAL = {
    # Masks of dataset 10441, and annotations of 10440 and 10445.
    "ferritin_complex": "apo-ferritin",
    "beta_amylase": "beta-amylase",
    "beta_galactosidase": "beta-galactosidase",
    "cytosolic_ribosome": "ribosome",
    "thyroglobulin": "thyroglobulin",
    "pp7_vlp": "virus-like-particle",
    "virus-like-capsid": "virus-like-particle",
    "ferritin complex": "apo-ferritin",
    "Cytosolic Ribosome": "ribosome",
    "pp7-vlp": "virus-like-particle",
}


def table(*names: str) -> ObjectTable:
    return ObjectTable(objects=tuple(ObjectType(name=name, radius=50) for name in names))


@pytest.mark.parametrize(("written", "meant"), PORTAL.items())
def test_the_portals_names_are_those_of_the_challenge(written, meant):
    assert CZII.known_as(written) == meant
    assert aliases.at_end(f"TS_5_4_{written}", CZII.names) == ("TS_5_4", meant)
    assert aliases.at_end(written, CZII.names) == ("", meant)


def test_a_project_that_uses_the_portals_names_understands_the_challenges():
    portal = table("ferritin-complex", "cytosolic-ribosome")
    assert portal.known_as("apo-ferritin") == "ferritin-complex"
    assert portal.known_as("ribosome") == "cytosolic-ribosome"
    assert aliases.at_end("TS_1_apo-ferritin", portal.names) == ("TS_1", "ferritin-complex")


def test_names_that_differ_in_a_project_are_not_mixed_up():
    both = table("apo-ferritin", "ferritin-complex", "Ribosome", "ribosome")
    for name in both.names:
        assert both.known_as(name) == name
    for neither in ("RIBOSOME", "cytosolic-ribosome"):
        with pytest.raises(UserError, match="unknown object"):
            both.known_as(neither)


def test_an_unknown_object_names_the_nearest():
    with pytest.raises(UserError, match=r"'ribosom': .*Did you mean 'ribosome'"):
        CZII.known_as("ribosom")
    assert aliases.find("membrane", CZII.names) is None
    assert aliases.at_end("TS_1_membrane", CZII.names) is None


@given(
    name=st.sampled_from(CZII.names),
    separator=st.sampled_from(["_", "-", " ", ""]),
    upper=st.lists(st.booleans(), min_size=25, max_size=25),
)
def test_neither_case_nor_separators_count(name, separator, upper):
    letters = zip(name.replace("-", separator), upper, strict=False)
    written = "".join(c.upper() if up else c for c, up in letters)
    assert CZII.known_as(written) == name
    assert aliases.at_end(f"run_7_{written}", CZII.names) == ("run_7", name)


def test_a_copick_configuration_with_the_portals_names_gets_the_challenges_radii():
    listed = [{"name": name, "label": i} for i, name in enumerate(PORTAL) if "_" in name]
    found = from_copick({"pickable_objects": listed})
    for name in found.names:
        assert found[name].radius == CZII[PORTAL[name]].radius
        assert found[name].weight == CZII[PORTAL[name]].weight


def test_every_object_of_the_challenge_is_listed():
    assert list(aliases.PORTAL_NAMES) == CZII.names


def test_the_examples_hold():
    assert doctest.testmod(aliases).failed == 0
