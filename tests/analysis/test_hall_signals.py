"""The formulas of harmonic Hall against a macrospin, and the magnetisation's angle against the torque balance."""

import numpy as np
import pytest

from sotlab.analysis.hall_signals import TERMS, magnetisation_angle, second_harmonic_columns

from .macrospin import harmonics

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("b_k_T", [0.78, -0.85, 0.0, 2.5])
def test_the_magnetisation_is_in_the_lowest_equilibrium(b_k_T):
    field, polar = RNG.uniform(0.05, 4, 500), RNG.uniform(-7, 7, 500)
    theta = magnetisation_angle(field, polar, b_k_T)
    torque = field * np.sin(polar - theta) - 0.5 * b_k_T * np.sin(2 * theta)
    assert np.abs(torque).max() < 1e-13
    grid = np.linspace(0, 2 * np.pi, 721)
    energy = -field[:, None] * np.cos(polar[:, None] - grid) - 0.5 * b_k_T * np.cos(grid) ** 2
    own = -field * np.cos(polar - theta) - 0.5 * b_k_T * np.cos(theta) ** 2
    assert np.all(own <= energy.min(axis=1) + 1e-12)


def test_at_the_poles_and_in_the_plane_the_magnetisation_is_along_the_field():
    polar = np.radians([0.0, 90.0, 180.0, 270.0, -90.0, 360.0])
    np.testing.assert_allclose(magnetisation_angle(np.full(6, 2.0), polar, 0.78), polar, atol=1e-12)


@pytest.mark.parametrize("b_k_T", [0.78, -0.85])
@pytest.mark.parametrize("azimuth_deg", [0.0, 90.0, 37.0])
def test_every_term_is_that_of_the_macrospin(b_k_T, azimuth_deg):
    polar = np.radians(np.arange(-170.0, 180, 20))
    field, azimuth = np.full(polar.shape, 1.7), np.radians(azimuth_deg)
    theta = magnetisation_angle(field, polar, b_k_T)
    columns = second_harmonic_columns(field, polar, azimuth, theta, r_a_ohm=-1.9, r_p_ohm=0.3, b_k_T=b_k_T)
    truth = {"b_dl": 2e-4, "b_fl": -1e-4, "r_ane": 3e-5, "r_one": 1e-5}
    for name in TERMS:
        _, r_2w = harmonics(field, polar, azimuth, r_a=-1.9, r_p=0.3, b_k=b_k_T, **{name: truth[name]})
        # Not linear in the current at the order (B_DL/B)^2 = 1e-8.
        np.testing.assert_allclose(columns[name] * truth[name], r_2w, atol=3e-6 * np.abs(r_2w).max() + 1e-13)


def test_the_formula_is_finite_and_continuous_at_the_pole():
    polar = np.array([-1e-6, 0.0, 1e-6])
    field = np.full(3, 2.0)
    columns = second_harmonic_columns(
        field, polar, 0.7, magnetisation_angle(field, polar, 0.5), r_a_ohm=1.0, r_p_ohm=0.2, b_k_T=0.5
    )
    for column in columns.values():
        np.testing.assert_allclose(column, column[1], atol=1e-5)
