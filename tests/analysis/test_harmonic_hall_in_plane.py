"""In-plane harmonic Hall: what comes back from a macrospin, uncertainties, refusals and mistakes."""

from pathlib import Path

import numpy as np
import pytest

from sotlab.analysis.harmonic_hall_in_plane import fit_in_plane
from sotlab.analysis.harmonic_hall_out_of_plane import fit_out_of_plane
from sotlab.analysis.lockin_readings import overloaded, resistance_ohm
from sotlab.analysis.values import Value
from sotlab.errors import FitError

from .hall_films import HEAT, TORQUE, exact, in_plane, noisy, scans

DATA = Path(__file__).parents[3] / "shared" / "data" / "harmonic_hall" / "pypt_sampleA.csv"
IN_PLANE = in_plane()
SEMIMETAL = in_plane(fields=np.linspace(0.1, 3, 8), b_dl=1e-4, r_ane=1e-6, r_one=3e-6)


def fit_film(field, azimuth, r_1w, r_2w, **options):
    return fit_in_plane(field, azimuth, r_1w, r_2w, r_a=exact(1.2), mu0_meff=exact(0.85), **options)


def test_clean_in_plane_scans_give_back_every_term():
    result = fit_film(*IN_PLANE)
    for name, truth in (TORQUE | HEAT | {"r_p": 0.19}).items():
        assert result.results[name].value == pytest.approx(truth, rel=1e-3), name
    assert result.results["angle_offset"].value == pytest.approx(0.02, abs=1e-6)
    assert result.flags == ("b_fl: contains the Oersted field, which has the same form",)
    assert len(result.scans) == 8


def test_a_narrow_range_of_fields_is_refused_with_the_range_that_would_do():
    result = fit_film(*in_plane(fields=np.linspace(0.02, 0.3, 8)))
    assert result.results["b_dl"].value is None
    assert result.results["b_fl"].value == pytest.approx(-0.5e-4, rel=2e-3)
    flag = next(flag for flag in result.flags if flag.startswith("b_dl: not determined"))
    top_T = float(flag.split("fields up to ")[1].split(" T")[0])
    assert 0.3 < top_T < 1.5
    wider = fit_film(*in_plane(fields=np.linspace(0.02, top_T, 8))).results
    assert wider["b_dl"].value == pytest.approx(2e-4, rel=1e-3)
    # In a metal the ordinary Nernst effect may be left out: the same fields do.
    metal = fit_film(*in_plane(fields=np.linspace(0.02, 0.3, 8), r_one=0.0), left_out=["r_one"]).results
    assert metal["b_dl"].value == pytest.approx(2e-4, rel=2e-3)


def test_without_a_loop_only_the_field_like_torque_is_given():
    result = fit_in_plane(*IN_PLANE)
    assert result.results["b_dl"].value is None
    assert any("r_a and mu0_meff are needed" in flag for flag in result.flags)
    assert result.results["b_fl"].value == pytest.approx(-0.5e-4, rel=2e-3)


def test_omitting_the_ordinary_nernst_effect_of_a_semimetal_is_noticed():
    rng, noticed = np.random.default_rng(0), 0
    for _ in range(40):
        result = fit_film(*noisy(SEMIMETAL, rng), left_out=["r_one"])
        noticed += any(flag.startswith("r_one: left out, but") for flag in result.flags)
    wrong = result.results["b_dl"]
    assert abs(wrong.value - 1e-4) > 3 * wrong.sigma
    assert noticed >= 38
    metal, alarms = in_plane(fields=np.linspace(0.1, 3, 8), r_one=0.0), 0
    for _ in range(80):
        result = fit_film(*noisy(metal, rng), left_out=["r_one"])
        alarms += any(flag.startswith("r_one:") for flag in result.flags)
    assert alarms <= 7  # 1.2 % are expected; 9 % would be 8


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_in_plane_sigmas_hold_with_inputs_of_their_own_uncertainty(rho):
    rng, pulls = np.random.default_rng(0), []
    truth = TORQUE | HEAT | {"r_p": 0.19, "angle_offset": 0.02}
    for _ in range(120):
        r_a, meff = Value(rng.normal(1.2, 0.02), 0.02, "ohm"), Value(rng.normal(0.85, 0.01), 0.01, "T")
        results = fit_in_plane(*noisy(IN_PLANE, rng, rho=rho), r_a=r_a, mu0_meff=meff).results
        pulls.append([(results[name].value - value) / results[name].sigma for name, value in truth.items()])
    pulls = np.array(pulls)
    # 120 pulls: their deviation scatters by 0.065, their mean by 0.09.
    assert np.all(np.abs(pulls.std(axis=0) - 1) < 0.22), pulls.std(axis=0)
    assert np.all(np.abs(pulls.mean(axis=0)) < 0.3), pulls.mean(axis=0)


def test_a_value_from_another_geometry_carries_its_sigma():
    loose = fit_film(*in_plane(fields=np.linspace(0.02, 0.3, 8)), known={"r_one": Value(2e-6, 1e-6, "ohm/T")}).results
    assert loose["b_dl"].value == pytest.approx(2e-4, rel=3e-3)
    # By the closed form: what a change of R_ONE does to the other two, each a curve over the field.
    fields = np.linspace(0.02, 0.3, 8)
    design = np.stack([1.2 / 2 / (fields + 0.85), np.ones(8)], axis=1)
    moved = np.linalg.lstsq(design, fields, rcond=None)[0][0]
    assert loose["b_dl"].sigma == pytest.approx(abs(moved) * 1e-6, rel=0.02)
    assert loose["r_one"].sigma == 1e-6


def test_mistakes_of_wiring_are_named():
    rng = np.random.default_rng(0)
    field, azimuth, r_1w, r_2w = noisy(IN_PLANE, rng)

    def flags(first, second):
        return " | ".join(fit_film(field, azimuth, first, second).flags)

    assert "distortion" in flags(r_1w, r_2w + 1e-3 * r_1w)
    assert "on the first harmonic" in flags(r_1w, r_1w)
    assert "exchanged" in flags(r_2w, r_1w)
    assert "turned by" in flags(r_1w + 0.03 * np.cos(2 * azimuth), r_2w)
    clean = flags(r_1w, r_2w)
    assert not any(word in clean for word in ("distortion", "exchanged", "turned", "follow"))


def test_rms_and_peak_differ_by_the_square_root_of_two():
    assert resistance_ohm(np.array([1.0]), 1.0, current_convention="rms")[0] == 1.0
    assert resistance_ohm(np.array([1.0]), 1.0, current_convention="peak")[0] == pytest.approx(np.sqrt(2))
    both = resistance_ohm(np.array([1.0]), 1.0, voltage_convention="peak", current_convention="peak")
    assert both[0] == pytest.approx(1.0)
    with pytest.raises(FitError, match="current_convention is 'amplitude'"):
        resistance_ohm(np.array([1.0]), 1.0, current_convention="amplitude")
    with pytest.raises(FitError, match="above 0 A"):
        resistance_ohm(np.array([1.0]), 0.0, current_convention="rms")


@pytest.mark.parametrize("fit", [fit_film, fit_out_of_plane])
def test_too_few_points_and_zero_fields_are_refused(fit):
    with pytest.raises(FitError, match="are needed"):
        fit(np.full(5, 1.0), np.arange(5.0), np.ones(5), np.ones(5))
    with pytest.raises(FitError, match="0 T"):
        fit(np.zeros(40), np.arange(40.0), np.ones(40), np.ones(40))
    with pytest.raises(FitError, match="shapes"):
        fit(np.ones(4), np.ones(5), np.ones(5), np.ones(5))


def test_measured_py_pt_gives_the_field_like_torque_and_refuses_the_damping_like():
    if not DATA.is_file():
        pytest.skip("needs the measured files in ../shared/data/harmonic_hall, which are not part of the project")
    table = np.genfromtxt(DATA, delimiter=",", names=True)
    # The magnet gives 39.6 mT/A. The second harmonic's amplifier has a gain of 100: neither file says so, but only with
    # it is the Oersted field of 15 mA through 1 mm (9.4 uT) of the size that is seen.
    x_2w = np.where(overloaded(table["X2"], table["Y2"]), np.nan, table["X2"]) / 100
    result = fit_in_plane(
        39.6e-3 * table["Magnet_current_A"],
        np.radians(table["Angle"]),
        resistance_ohm(table["X1"], 15e-3, current_convention="rms"),
        resistance_ohm(x_2w, 15e-3, current_convention="rms"),
        r_a=Value(0.5, 0.05, "ohm"),
        mu0_meff=Value(1.0, 0.1, "T"),
    )
    r_p, b_fl = result.results["r_p"], result.results["b_fl"]
    assert abs(r_p.value - 0.0837) < 0.0003
    assert r_p.sigma < 4e-4
    assert np.degrees(result.results["angle_offset"].value) == pytest.approx(-1.8, abs=0.1)
    assert abs(b_fl.value - 10.6e-6) < 2 * np.hypot(b_fl.sigma, 0.4e-6)
    assert result.results["b_dl"].value is None
    assert any("varies by 3.5 %" in flag for flag in result.flags)
    assert any(flag.startswith("b_fl: R_2w does not follow 1/B") for flag in result.flags)


def test_a_magnetisation_that_lags_behind_the_field_is_followed():
    """An anisotropy in the plane of 3 mT about 30 deg from the current, at fields from 0.1 T, and an offset angle."""
    field, azimuth = scans(np.linspace(0.1, 2, 8), np.arange(0, 360, 10.0))
    offset, easy, b_u = 0.02, np.radians(30), 3e-3
    phi = azimuth + offset
    lag = np.zeros_like(phi)
    for _ in range(50):
        lag = np.arcsin(b_u / 2 * np.sin(2 * (phi - lag - easy)) / field)
    at, along = phi - lag, b_u * np.cos(2 * (phi - lag - easy))
    r_1w = 0.19 * np.sin(2 * at)
    stiff = field * np.cos(lag) + 0.85 + (b_u + along) / 2
    r_2w = -1.2 * 2e-4 * np.cos(at) / (2 * stiff) - 3e-6 * np.cos(at) - 2e-6 * field * np.cos(phi)
    r_2w -= 0.19 * -0.5e-4 * np.cos(2 * at) * np.cos(at) / (field * np.cos(lag) + along)
    results = fit_film(field, azimuth, r_1w, r_2w).results
    for name, truth in (TORQUE | HEAT | {"r_p": 0.19, "angle_offset": offset}).items():
        assert results[name].value == pytest.approx(truth, rel=2e-3), name
