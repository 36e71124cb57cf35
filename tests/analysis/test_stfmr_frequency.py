"""Frequency sweeps at fixed field against the line of a field sweep, written out again here."""

import numpy as np
import pytest

from sotlab.analysis.stfmr_frequency import FrequencySettings, STFMRFrequency
from sotlab.errors import DataError

G, MEFF_T, ALPHA, WIDTH_0_T = 2.1, 0.85, 0.01, 0.5e-3
GAMMA = 13.99624493e9 * G
SETTINGS = FrequencySettings(g=G)


def voltage_V(frequency_Hz, field_T, v_sym=-1e-6, v_asym=-5e-6):
    """A field sweep's line at each frequency, with the width of that frequency."""
    b0_T = -0.5 * MEFF_T + np.sqrt((0.5 * MEFF_T) ** 2 + (frequency_Hz / GAMMA) ** 2)
    x, w = abs(field_T) - b0_T, WIDTH_0_T + ALPHA * frequency_Hz / GAMMA
    return (v_sym * w**2 + v_asym * w * x) / (x**2 + w**2)


def spectrum(field_T, noise_V=0.0, seed=0, current=None, span=(4e9, 10e9), points=161):
    frequency_Hz = np.linspace(*span, points)
    voltages = voltage_V(frequency_Hz, field_T) + noise_V * np.random.default_rng(seed).standard_normal(points)
    columns = {"frequency": frequency_Hz, "voltage": voltages, "field": np.full(points, field_T)}
    if current is not None:
        columns |= {"voltage": voltages * current(frequency_Hz) ** 2, "current": current(frequency_Hz)}
    return STFMRFrequency().dataset(columns, {"field_set": field_T}, name=f"{field_T} T", simulated=True)


def kittel_Hz(field_T):
    return GAMMA * np.sqrt(abs(field_T) * (abs(field_T) + MEFF_T))


def test_line_magnetisation_and_damping_are_those_of_a_field_sweep():
    fields_T = (0.05, -0.06, 0.09)
    found = STFMRFrequency().reduce([spectrum(field_T, 5e-9, k) for k, field_T in enumerate(fields_T)], SETTINGS)
    for field_T, row in zip(fields_T, found.rows, strict=True):
        assert row["frequency_res"].value == pytest.approx(kittel_Hz(field_T), rel=1e-4)
        width_T = WIDTH_0_T + ALPHA * kittel_Hz(field_T) / GAMMA
        for name, true in (("width", width_T), ("v_asym", -5e-6), ("v_sym", -1e-6)):
            assert abs(row[name].value - true) < 5 * row[name].sigma, name
            assert row[name].sigma < 0.02 * abs(true)
    assert found.results["mu0_meff"].value == pytest.approx(MEFF_T, rel=3e-4)
    assert found.results["alpha"].value == pytest.approx(ALPHA, rel=0.05)
    assert found.simulated is True


def test_a_current_that_ripples_is_taken_out_where_it_is_known_and_said_where_not():
    def current(frequency_Hz):
        return 2e-3 * (1 + 0.15 * np.sin(2 * np.pi * frequency_Hz / 0.9e9))

    known = STFMRFrequency().reduce([spectrum(0.06, current=current)], SETTINGS)
    smooth = STFMRFrequency().reduce([spectrum(0.06)], SETTINGS)
    assert not any("do not know the current" in flag for flag in known.flags)
    assert any("1 of 1 spectra do not know the current" in flag for flag in smooth.flags)
    for name in ("frequency_res", "width"):
        assert known.rows[0][name].value == pytest.approx(smooth.rows[0][name].value, rel=1e-6)
    mean_square = np.mean(current(np.linspace(4e9, 10e9, 161))) ** 2
    assert known.rows[0]["v_asym"].value == pytest.approx(smooth.rows[0]["v_asym"].value * mean_square, rel=1e-6)


def test_without_a_line_nothing_is_determined():
    found = STFMRFrequency().reduce([spectrum(0.3, 5e-9)], SETTINGS)  # its line is at 16 GHz
    assert found.rows[0]["frequency_res"].value is None
    assert found.rows[0]["flags"]
    assert found.results["mu0_meff"].value is None
    assert any("no spectrum has a line" in flag for flag in found.flags)


def test_from_one_field_there_is_no_damping():
    found = STFMRFrequency().reduce([spectrum(0.06, 5e-9)], SETTINGS)
    assert found.results["alpha"].value is None
    assert found.results["mu0_meff"].value == pytest.approx(MEFF_T, rel=2e-3)


@pytest.mark.parametrize(
    ("changed", "message"), [({"field": np.zeros(9)}, "other than 0"), ({"frequency": np.zeros(9)}, "above 0 Hz")]
)
def test_what_cannot_be_is_refused(changed, message):
    columns = {"frequency": np.linspace(1e9, 2e9, 9), "voltage": np.zeros(9), "field": np.full(9, 0.1)}
    with pytest.raises(DataError, match=message):
        STFMRFrequency().dataset(columns | changed, {}, name="x")
