import math

import numpy as np
import pytest

from sotlab.errors import UsageError
from sotlab.units import as_typed, convert, exact, parse_quantity, prefixed, pretty


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("10 mT", "T", 0.01),
        ("7GHz", "Hz", 7e9),
        ("9.123456789 GHz", "Hz", 9123456789.0),
        ("100 Oe", "T", 0.01),
        ("1 kOe", "T", 0.1),
        ("5 G", "T", 5e-4),
        ("350.3 uohm*cm", "ohm*m", 350.3e-8),
        ("0.8 Ohm", "ohm", 0.8),
        ("50 Ω", "ohm", 50.0),
        ("2 µV", "V", 2e-6),
        ("800 emu/cm**3", "A/m", 8e5),
        ("800 emu/cc", "A/m", 8e5),
        ("15 dBm", "dBm", 15.0),
        ("45°", "deg", 45.0),
        ("-1.5e-3", "T", -1.5e-3),
        (".5 K", "K", 0.5),
    ],
)
def test_what_people_type_becomes_si(text, unit, value):
    assert parse_quantity(text, unit) == value


def test_ampere_per_metre_become_mu0_times_h():
    assert parse_quantity("1e6 A/m", "T") == pytest.approx(1.25663706, rel=1e-8)


@pytest.mark.parametrize("text", ["10 mV", "10 furlong", "10 T T", "ten mT", "", "mT", "1,5 mT"])
def test_a_unit_or_number_that_does_not_fit_is_refused_in_one_line(text):
    with pytest.raises(UsageError) as raised:
        parse_quantity(text, "T")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("given", "wanted"), [("mW", "dBm"), ("dBm", "W"), ("dB", "dBm")])
def test_logarithmic_units_are_never_mixed_with_others(given, wanted):
    with pytest.raises(UsageError, match="does not fit"):
        parse_quantity(f"1 {given}", wanted)


def test_arrays_are_converted():
    np.testing.assert_allclose(convert(np.array([1.0, 2.0]), "Oe", "T"), [1e-4, 2e-4])


@pytest.mark.parametrize(
    ("value", "sigma", "unit", "text"),
    [
        (0.04923, 0.00011, "T", "49.23 ± 0.11 mT"),
        (-3.2e-6, 2.1e-8, "V", "-3.200 ± 0.021 µV"),
        (7e9, None, "Hz", "7 GHz"),
        (0.0102, 0.00031, "", "0.01020 ± 0.00031"),
        (None, None, "T", "-"),
        (0.0, 0.002, "T", "0.0 ± 2.0 mT"),
        (3.77e-7, 5.1e-3, "T", "0.0 ± 5.1 mT"),
        (0.0, 3e-8, "1/ohm", "(0.0 ± 3.0)e-8 1/ohm"),
        (999.9996, 0.0, "V", "1000 V"),
    ],
)
def test_values_are_shown_with_two_digits_of_sigma(value, sigma, unit, text):
    assert pretty(value, sigma, unit) == text


def test_prefixes_end_where_they_end():
    assert prefixed(1e-30, "T") == (1e15, "fT")
    assert prefixed(15.0, "dBm") == (1.0, "dBm")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(7e9, "Hz", "7 GHz"), (0.02, "T", "20 mT"), (0.0, "T", "0 T"), (141, None, "141"), (-math.inf, "T", "-inf T")],
)
def test_values_are_written_as_people_type_them(value, unit, text):
    assert as_typed(value, unit) == text


def test_no_value_changes_by_being_written_as_people_type_it():
    rng = np.random.default_rng(0)
    for value in rng.uniform(-1, 1, 500) * 10.0 ** rng.integers(-12, 12, 500):
        for unit in ("T", "Hz", "dBm"):
            assert parse_quantity(as_typed(float(value), unit), unit) == value


def test_a_value_is_written_exactly_where_it_must_be_read_back():
    assert exact(9123456789.0, "Hz") == "9123456789.0 Hz"
    assert exact(141, None) == "141"
