"""Settings as people type them."""

from typing import Literal

import pytest
from pydantic import BaseModel

from sotlab.analysis.protocol import from_files, setting
from sotlab.analysis.values import Value
from sotlab.errors import UsageError
from sotlab.procedures.runs.settings import parse_settings, parse_value


class Model(BaseModel):
    geometry: Literal["in-plane", "low-field"] = setting("in-plane", "Which way the field turns")
    current: float | None = setting(None, "Current", "A")
    resistivity: Value | None = setting(None, "Of the layer", "ohm*m")
    left_out: tuple[str, ...] = setting((), "Terms")
    points: int = setting(3, "Points")
    reference: tuple[object, ...] = from_files("Reference")


@pytest.mark.parametrize(
    ("text", "value", "sigma"),
    [
        ("350.3+-2 uohm*cm", 3.503e-6, 2e-8),
        ("350.3 ± 2 uohm*cm", 3.503e-6, 2e-8),
        ("350.3uohm*cm +/- 2uohm*cm", 3.503e-6, 2e-8),
        ("(350.3+-2) uohm*cm", 3.503e-6, 2e-8),
        ("350.3 uohm*cm +- 20 nohm*m", 3.503e-6, 2e-8),
        ("-3.5e-6+-2e-8", -3.5e-6, 2e-8),
        ("3.5e-6", 3.5e-6, 0.0),
        ("350 uohm*cm", 3.5e-6, 0.0),
    ],
)
def test_a_quantity_may_carry_its_sigma(text, value, sigma):
    read = parse_value(text, "ohm*m")
    assert read.value == pytest.approx(value, rel=1e-12)
    assert read.sigma == pytest.approx(sigma, rel=1e-12)
    assert read.unit == "ohm*m"


@pytest.mark.parametrize("text", ["1+-", "+-2", "1+-2+-3 ohm*m", "1+--2 ohm*m", "1+-2 T", "many", "1 ± few"])
def test_what_is_no_quantity_with_sigma_is_refused(text):
    with pytest.raises(UsageError):
        parse_value(text, "ohm*m")


def test_each_setting_is_read_as_its_field_asks_for():
    texts = {"geometry": "low-field", "current": "2mA", "resistivity": "1+-0.1 ohm*m", "points": "5"}
    texts |= {"left_out": "r_one, b_fl", "reference": "a.thz"}
    read = Model.model_validate(parse_settings(Model, texts, "analysis", lambda path: (path.name, 1)))
    assert (read.geometry, read.current, read.points) == ("low-field", pytest.approx(2e-3), 5)
    assert read.resistivity == Value(1.0, 0.1, "ohm*m")
    assert read.left_out == ("r_one", "b_fl")
    assert read.reference == ("a.thz", 1)
    assert "reference" not in read.model_dump()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [("curent", "2mA", "it has geometry, current"), ("current", "2mT", "--set current"), ("points", "5 V", "plain")],
)
def test_a_setting_that_is_none_is_named(name, text, said):
    with pytest.raises(UsageError, match=said):
        parse_settings(Model, {name: text}, "analysis")
