"""The ST-FMR analysis as a whole, on spectra made here and on real ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from sotlab.analysis.kittel import gyromagnetic_Hz_per_T, resonance_field_T
from sotlab.analysis.lineshape import lineshape
from sotlab.analysis.stfmr import STFMR, Spectrum, STFMRSettings
from sotlab.errors import DataError

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "stfmr"
MEFF_T, ALPHA, WIDTH_0_T = 0.9, 0.012, 4e-4
F = np.linspace(5e9, 11e9, 7)


def spectrum(frequency_Hz, rng, sign=1, noise=1 / 40, offset_T=0.0, **more):
    b0 = float(resonance_field_T(frequency_Hz, MEFF_T))
    width = WIDTH_0_T + ALPHA * frequency_Hz / gyromagnetic_Hz_per_T(2.0)
    field_T = np.linspace(b0 - 10 * width, b0 + 10 * width, 121)
    voltage_V = sign * lineshape(field_T, 1e-6, 5e-7, b0, width, 1e-7) + rng.normal(0, noise * 1e-6, 121)
    return Spectrum(sign * field_T + offset_T, voltage_V, frequency_Hz, name=f"{frequency_Hz:g}", **more)


def test_a_frequency_series_gives_magnetisation_damping_and_width():
    rng = np.random.default_rng(0)
    result = STFMR().reduce([spectrum(f, rng) for f in F], STFMRSettings())
    for name, truth in (("mu0_meff", MEFF_T), ("alpha", ALPHA), ("width_0", WIDTH_0_T)):
        value = result.results[name]
        assert abs(value.value - truth) < 4 * value.sigma
        assert value.sigma < 0.3 * truth
    assert result.flags == []
    assert result.inputs == [f"{f:g}" for f in F]


def test_a_spectrum_says_all_that_the_contract_names():
    row = STFMR().reduce([spectrum(7e9, np.random.default_rng(0), power_dBm=15.0)]).to_json()["spectra"][0]
    assert row["frequency"] == 7e9
    assert row["power"] == 15.0
    assert row["angle"] is None
    assert row["points"] == 121
    assert row["flags"] == []
    for name, unit in (("v_sym", "V"), ("v_asym", "V"), ("field_res", "T"), ("width", "T")):
        assert set(row[name]) == {"value", "sigma", "unit"}
        assert row[name]["unit"] == unit


def test_an_offset_of_the_gaussmeter_is_contained_in_the_sigmas():
    rng = np.random.default_rng(0)
    sweeps = [spectrum(f, rng, offset_T=1e-3) for f in F]
    blind = STFMR().reduce(sweeps).results["mu0_meff"]
    told = STFMR().reduce(sweeps, STFMRSettings(field_offset_sigma=1e-3))
    assert abs(blind.value - MEFF_T) > 4 * blind.sigma
    assert abs(told.results["mu0_meff"].value - MEFF_T) < 3 * told.results["mu0_meff"].sigma
    assert all(row["field_res"]["sigma"] >= 1e-3 for row in told.to_json()["spectra"])


def test_both_signs_of_field_together_undo_the_offset_of_the_gaussmeter():
    rng = np.random.default_rng(0)
    sweeps = [spectrum(f, rng, sign, offset_T=1e-3) for f in F for sign in (1, -1)]
    meff = STFMR().reduce(sweeps, STFMRSettings(field_offset_sigma=2e-3)).results["mu0_meff"]
    assert abs(meff.value - MEFF_T) < 4 * meff.sigma
    assert meff.sigma < 5e-3


def test_a_sweep_through_zero_is_taken_as_two():
    b = np.linspace(-0.15, 0.15, 401)
    v = np.sign(b) * lineshape(np.abs(b), 1e-6, 5e-7, 0.08, 0.005) + np.random.default_rng(0).normal(0, 1e-8, 401)
    rows = STFMR().reduce([Spectrum(b, v, 8e9, name="loop")]).to_json()["spectra"]
    assert [row["name"] for row in rows] == ["loop (B > 0)", "loop (B < 0)"]
    assert [row["flags"] for row in rows] == [[], []]
    assert rows[0]["v_sym"]["value"] == pytest.approx(-rows[1]["v_sym"]["value"], rel=0.1)


def test_a_spectrum_without_a_line_has_no_values_and_does_not_enter():
    rng = np.random.default_rng(0)
    sweeps = [spectrum(f, rng) for f in F]
    noise = Spectrum(np.linspace(0.05, 0.15, 101), rng.normal(0, 1e-6, 101), 9e9, name="noise")
    with_noise, without = STFMR().reduce([*sweeps, noise]), STFMR().reduce(sweeps)
    for name, value in without.results.items():
        # The fit stops within 1e-3 of a sigma, and where in it may depend on what is fitted beside it.
        assert with_noise.results[name].value == pytest.approx(value.value, abs=2e-3 * value.sigma)
    row = with_noise.to_json()["spectra"][-1]
    assert row["v_sym"] == {"value": None, "sigma": None, "unit": "V"}
    assert row["flags"][0].startswith("no line")
    assert any("1 of 8 spectra" in flag for flag in with_noise.flags)


def test_one_frequency_leaves_damping_undetermined_and_says_so():
    result = STFMR().reduce([spectrum(7e9, np.random.default_rng(0))])
    assert result.results["mu0_meff"].value == pytest.approx(MEFF_T, rel=0.01)
    assert result.results["alpha"].value is None
    assert any(flag.startswith("alpha: not determined") for flag in result.flags)


@pytest.mark.parametrize("spectra", [[], [Spectrum(np.arange(5.0), np.arange(5.0), 7e9)]])
def test_nothing_that_can_be_fitted_gives_nulls_with_flags(spectra):
    result = STFMR().reduce(spectra)
    assert all(value.value is None for value in result.results.values())
    assert {flag.split(":")[0] for flag in result.flags} >= {"mu0_meff", "alpha", "width_0"}


def test_simulated_is_handed_on():
    assert STFMR().reduce([spectrum(7e9, np.random.default_rng(0), simulated=True)]).simulated


def test_the_live_fit_is_silent_until_there_is_a_line():
    full = spectrum(7e9, np.random.default_rng(0))
    analysis = STFMR()
    assert analysis.live({"field": full.field_T[:5], "voltage": full.voltage_V[:5]}) is None
    assert analysis.live({"field": full.field_T, "voltage": full.voltage_V}) is not None


@pytest.mark.parametrize("header", [{}, {"frequency": float("nan")}, {"frequency": -1.0}])
def test_a_spectrum_without_a_frequency_is_one_line_that_names_the_file(header):
    with pytest.raises(DataError, match=r"a\.csv.*frequency"):
        STFMR().dataset({"field": np.arange(3), "voltage": np.arange(3)}, header, name="a.csv")


@pytest.mark.parametrize("wrong", [{"g": 0.1}, {"g": 7}, {"field_offset_sigma": -1}, {"nonsense": 1}])
def test_settings_outside_their_limits_are_refused(wrong):
    with pytest.raises(ValidationError):
        STFMRSettings(**wrong)


def real(name):
    if not DATA.is_dir():
        pytest.skip("needs the measured files in ../shared/data/stfmr, which are not part of the project")
    table = np.loadtxt(DATA / name, skiprows=6)
    return Spectrum(table[:, 0] * 1e-4, table[:, 1], float(name.split("_")[-1][0]) * 1e9, name=name)


@pytest.mark.parametrize("device", ["dev11", "dev12"])
def test_measured_lsmo_devices_give_what_is_known_of_them(device):
    result = STFMR().reduce([real(f"1116b_{device}_{f}GHz.lvm") for f in (3, 4, 5)])
    meff, alpha = result.results["mu0_meff"], result.results["alpha"]
    assert 0.55 < meff.value < 0.59
    assert 0.005 < meff.sigma < 0.02
    assert 0.003 < alpha.value < 0.006
    assert any("strongly correlated" in flag for flag in result.flags)


def test_a_measured_spectrum_without_a_usable_line_is_refused():
    result = STFMR().reduce([real("CoFe-Pt_dev11_9GHz.lvm")])
    assert result.results["mu0_meff"].value is None
    assert result.to_json()["spectra"][0]["flags"][0].startswith("no line")


def test_the_fields_scale_is_one_factor_on_everything_that_is_a_field():
    """Against the definition: the same lines, with every field larger by the scale's sigma."""
    rng = np.random.default_rng(0)
    sweeps = [spectrum(f, rng) for f in F]
    scale = 0.01
    larger = [replace(one, field_T=(1 + scale) * one.field_T) for one in sweeps]
    known, moved = STFMR().reduce(sweeps), STFMR().reduce(larger)
    told = STFMR().reduce(sweeps, STFMRSettings(field_scale_sigma=scale))
    for name in ("mu0_meff", "alpha", "width_0"):
        value, change = told.results[name], moved.results[name].value - known.results[name].value
        assert value.value == known.results[name].value
        assert value.sigma == pytest.approx(np.hypot(known.results[name].sigma, change), rel=0.03), name
    # mu0_meff = (f/gamma)^2 / B - B: it goes down when the field goes up, by more than the field does.
    assert moved.results["mu0_meff"].value < known.results["mu0_meff"].value * (1 - scale)
    for before, after in zip(known.to_json()["spectra"], told.to_json()["spectra"], strict=True):
        for name in ("field_res", "width"):
            expected = np.hypot(before[name]["sigma"], scale * before[name]["value"])
            assert after[name]["sigma"] == pytest.approx(expected)
        assert after["v_sym"] == before["v_sym"]
