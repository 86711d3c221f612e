"""A detector takes over what was tuned, and nothing that is meant for another."""

from __future__ import annotations

import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.parameters import Parameters
from tomoscout.core.settings import Choice
from tomoscout.inference.weights import load_detector, save_detector


def test_parameters_lie_over_the_cards_and_are_stored_with_it(detector, tmp_path):
    components = Choice(name="components", min_volume=0.1)
    parameters = Parameters(
        thresholds={"large": 0.3}, pickers={"large": components}, tuned_on=("TS_1",)
    )
    save_detector(detector.with_parameters(parameters), tmp_path / "w.safetensors")
    card = load_detector(tmp_path / "w.safetensors").card
    assert card.thresholds == {"large": 0.3, "small": 0.6}
    assert card.pickers == {"large": components}
    assert card.picker.name == "local_max"
    assert card.tuned_on == ("TS_1",)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"thresholds": {"larg": 0.3}}, "parameters for 'larg': .* Did you mean 'large'"),
        ({"pickers": {"large": Choice(name="local_min")}}, "Did you mean 'local_max'"),
        ({"pickers": {"large": Choice(name="local_max", distanc=1)}}, "Did you mean 'distance'"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(detector, values, message):
    with pytest.raises(UserError, match=message):
        detector.with_parameters(Parameters(**values))
