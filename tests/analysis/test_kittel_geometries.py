"""Easy axis in the plane, field along the normal, and g known, vague or free."""

import numpy as np
import pytest

from sotlab.analysis.kittel import fit_kittel, gyromagnetic_Hz_per_T, resonance_field_T
from sotlab.analysis.kittel_geometries import fit_perpendicular, fit_uniaxial, uniaxial_resonance_T
from sotlab.errors import FitError

from .stfmr_labs import the_sample

ANGLES = np.radians(np.arange(0, 180, 15.0))
F = np.linspace(5e9, 11e9, 7)


def by_energy(frequency_Hz, phi, meff_T, b_k_T, easy, g=2.0):
    """Return the resonance field by Smit and Beljers' formula, with numerical second derivatives of the energy."""
    from scipy.optimize import brentq, minimize_scalar

    def energy(theta, azimuth, b):
        m = np.array([np.sin(theta) * np.cos(azimuth), np.sin(theta) * np.sin(azimuth), np.cos(theta)])
        along = m @ np.array([np.cos(easy), np.sin(easy), 0.0])
        return -b * (m @ np.array([np.cos(phi), np.sin(phi), 0])) + meff_T / 2 * m[2] ** 2 - b_k_T / 2 * along**2

    def excess(b):
        rest = minimize_scalar(lambda a: energy(np.pi / 2, a, b), bounds=(phi - 1, phi + 1), method="bounded",
                               options={"xatol": 1e-10}).x  # fmt: skip
        d = 1e-4
        tt, aa, ta = 0.0, 0.0, 0.0
        tt = (energy(np.pi / 2 + d, rest, b) - 2 * energy(np.pi / 2, rest, b) + energy(np.pi / 2 - d, rest, b)) / d**2
        aa = (energy(np.pi / 2, rest + d, b) - 2 * energy(np.pi / 2, rest, b) + energy(np.pi / 2, rest - d, b)) / d**2
        return np.sqrt(max(tt * aa - ta**2, 0.0)) - frequency_Hz / gyromagnetic_Hz_per_T(g)

    return brentq(excess, 0.02, 0.3)


@pytest.mark.parametrize("degrees", [0.0, 20.0, 55.0, 90.0])
def test_the_resonance_field_is_that_of_the_energy_s_curvatures(degrees):
    phi = np.radians(degrees)
    ours = float(uniaxial_resonance_T(7e9, phi, 0.85, 8e-3, np.radians(10.0)))
    assert ours == pytest.approx(by_energy(7e9, phi, 0.85, 8e-3, np.radians(10.0)), abs=2e-6)


def test_without_an_easy_axis_it_is_kittel_s():
    np.testing.assert_allclose(uniaxial_resonance_T(F, 0.3, 0.85, 0.0, 0.0), resonance_field_T(F, 0.85), rtol=1e-12)


def test_the_virtual_lab_s_easy_axis_comes_back():
    sample = the_sample(anisotropy_T=3e-3, easy_axis_deg=30.0)
    fields = [sample.line(7e9, 2e-3, np.degrees(a)).field_res_T for a in ANGLES]
    fit = fit_uniaxial(np.full(12, 7e9), ANGLES, fields, np.full(12, 2e-6), g=2.1).results
    assert fit["b_k"].value == pytest.approx(3e-3, rel=1e-3)
    assert np.degrees(fit["easy_axis"].value) == pytest.approx(30.0, abs=0.02)
    assert fit["mu0_meff"].value == pytest.approx(0.85, rel=1e-4)


def test_its_sigmas_hold_with_an_unknown_zero_of_the_gaussmeter():
    rng = np.random.default_rng(0)
    angles, sign = np.tile(ANGLES, 2), np.repeat([1.0, -1.0], 12)
    clean = sign * uniaxial_resonance_T(7e9, angles, 0.85, 3e-3, np.radians(30))
    pulls = []
    for _ in range(60):
        shown = clean + rng.normal(0, 5e-4) + rng.normal(0, 1e-4, 24)
        fit = fit_uniaxial(np.full(24, 7e9), angles, shown, np.full(24, 1e-4), field_offset_sigma_T=5e-4).results
        pulls.append([(fit[n].value - v) / fit[n].sigma for n, v in
                      (("mu0_meff", 0.85), ("b_k", 3e-3), ("easy_axis", np.radians(30)))])  # fmt: skip
    # 60 pulls: deviations of 1 +- 0.09, means of 0 +- 0.13.
    np.testing.assert_allclose(np.std(pulls, axis=0), 1, atol=0.32)
    assert np.abs(np.mean(pulls, axis=0)).max() < 0.45


def test_no_easy_axis_has_no_direction():
    rng = np.random.default_rng(0)
    shown = resonance_field_T(np.full(12, 7e9), 0.85) + rng.normal(0, 1e-4, 12)
    fit = fit_uniaxial(np.full(12, 7e9), ANGLES, shown, np.full(12, 1e-4))
    assert fit.results["easy_axis"].value is None
    assert any(flag.startswith("easy_axis: not determined") for flag in fit.flags)
    with pytest.raises(FitError, match="four are needed"):
        fit_uniaxial(F, np.zeros(7), resonance_field_T(F, 0.85), np.full(7, 1e-4))


def test_along_the_normal_the_line_gives_g_and_the_magnetisation():
    shown = F / gyromagnetic_Hz_per_T(2.12) + 0.85
    fit = fit_perpendicular(F, shown, np.full(7, 1e-5)).results
    assert fit["g"].value == pytest.approx(2.12, rel=1e-9)
    assert fit["mu0_meff"].value == pytest.approx(0.85, rel=1e-9)
    with pytest.raises(FitError, match="one frequency"):
        fit_perpendicular(F[:1], shown[:1], [1e-5])


def test_a_free_g_costs_magnetisation_and_says_how_they_are_correlated():
    rng = np.random.default_rng(0)
    shown = resonance_field_T(F, 0.85, g=2.1) + rng.normal(0, 1e-4, 7)
    fixed = fit_kittel(F, shown, np.full(7, 1e-4), g=2.1)
    vague = fit_kittel(F, shown, np.full(7, 1e-4), g=2.1, g_sigma=0.01)
    free = fit_kittel(F, shown, np.full(7, 1e-4), g=2.0, g_sigma=np.inf)
    assert fixed.mu0_meff.sigma < vague.mu0_meff.sigma < free.mu0_meff.sigma
    assert abs(free.g.value - 2.1) < 4 * free.g.sigma
    assert abs(free.mu0_meff.value - 0.85) < 4 * free.mu0_meff.sigma
    assert any(flag.startswith("mu0_meff, g: correlated by -0.99") for flag in free.flags)
    none = fit_kittel(F[:2], shown[:2], np.full(2, 1e-4), g_sigma=np.inf)
    assert none.mu0_meff.value is None
    assert "3 frequencies are needed" in none.flags[0]


def test_the_sigmas_with_a_free_g_hold():
    rng = np.random.default_rng(0)
    clean, pulls = resonance_field_T(F, 0.85, g=2.1), []
    for _ in range(400):
        fit = fit_kittel(F, clean + rng.normal(0, 1e-4, 7), np.full(7, 1e-4), g=2.05, g_sigma=np.inf)
        pulls.append([(fit.g.value - 2.1) / fit.g.sigma, (fit.mu0_meff.value - 0.85) / fit.mu0_meff.sigma])
    np.testing.assert_allclose(np.std(pulls, axis=0), 1, atol=0.13)
    assert np.abs(np.mean(pulls, axis=0)).max() < 0.18
