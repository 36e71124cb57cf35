"""The response of the simulated strip, against the equation of motion and the published line-shape formulas."""

from dataclasses import replace
from math import cos, pi, radians, sin, sqrt

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from sotlab.simulated.benches.stfmr import load_sample
from sotlab.simulated.physics.fmr import Macrospin

FREQUENCY_HZ = 7e9
SPIN = Macrospin(mu0_meff_T=0.85, g=2.1, alpha=0.01, width_0_T=0.0)


@pytest.fixture
def sample():
    return load_sample("nife_bisb_10nm.yaml")


def integrate_llg(spin, sample, field_T, current_A, angle_deg, frequency_Hz):
    """Integrate the whole nonlinear equation in time and average I(t) R(t) over the last periods.

    The gyromagnetic ratio and the torques are written out here again: nothing is taken from the tested code.
    """
    gamma = spin.g * 9.2740100783e-24 / 1.054571817e-34
    torques = sample.torques(current_A)
    phi = radians(angle_deg) + (pi if field_T < 0 else 0.0)
    applied = abs(field_T) * np.array([cos(phi), sin(phi), 0.0])
    y = np.array([0.0, 1.0, 0.0])
    omega = 2 * pi * frequency_Hz

    def motion(t, m):
        drive = cos(omega * t)
        b_dl = torques.damping_like_T * drive
        b_y = (torques.field_like_T + torques.oersted_T) * drive
        field = applied + b_y * y + b_dl * np.cross(m, y)
        field[2] -= spin.mu0_meff_T * m[2]
        precession = -gamma * np.cross(m, field)
        # dm/dt = p + alpha m x dm/dt, solved for dm/dt with |m| = 1
        return (precession + spin.alpha * np.cross(m, precession)) / (1 + spin.alpha**2)

    period = 1 / frequency_Hz
    # the amplitude settles within 1/(alpha gamma (B + M/2)) ~ 1.2 ns: 14 ns leave 1e-5
    settle, periods = 100 * period, 10
    times = settle + np.linspace(0, periods * period, 400 * periods, endpoint=False)
    solution = solve_ivp(
        motion,
        (0, times[-1]),
        [cos(phi), sin(phi), 0.0],
        t_eval=times,
        method="DOP853",
        rtol=1e-8,
        atol=1e-11,
        max_step=period / 8,  # keeps the first step from leaving the sphere
    )
    change_ohm = sample.amr_ohm * (solution.y[0] ** 2 - cos(phi) ** 2)
    return float(np.mean(current_A * np.cos(omega * times) * change_ohm))


@pytest.mark.parametrize("field_T", [0.0600, 0.0650, -0.0635])
def test_rectified_voltage_agrees_with_a_time_integration_of_the_whole_llg_equation(sample, field_T):
    clean = replace(sample, width_0_T=0.0)
    expected_V = integrate_llg(clean.spin, clean, field_T, 2e-3, 45.0, FREQUENCY_HZ)
    assert clean.rectified_V(field_T, FREQUENCY_HZ, 2e-3, 45.0) == pytest.approx(expected_V, rel=1e-3)


@pytest.mark.parametrize("field_T", [0.01, 0.0622, 0.2])
def test_response_is_the_solution_of_the_linear_system(field_T):
    solved = np.linalg.solve(SPIN.system(field_T, FREQUENCY_HZ), [2e-5, -1e-5])
    assert SPIN.in_plane_response(field_T, FREQUENCY_HZ, 1e-5, 2e-5) == pytest.approx(solved[0], rel=1e-12)


@pytest.mark.parametrize("frequency_Hz", [3e9, 5e9, 9e9])
def test_line_agrees_with_the_published_amplitudes_and_the_kittel_formula(sample, frequency_Hz):
    current_A, angle_deg = 2e-3, 30.0
    line, torques = sample.line(frequency_Hz, current_A, angle_deg), sample.torques(current_A)
    omega_T = frequency_Hz / (sample.g * 13.99624492e9)
    m, w, b0 = sample.mu0_meff_T, line.width_T, line.field_res_T
    assert b0 == pytest.approx(-m / 2 + sqrt(m**2 / 4 + omega_T**2), rel=1e-8)
    assert w == pytest.approx(sample.width_0_T + sample.alpha * omega_T, rel=1e-8)
    shared = -0.5 * current_A * sample.amr_ohm * sin(2 * radians(angle_deg)) * cos(radians(angle_deg))
    shared /= w * (2 * b0 + m)
    assert line.v_sym_V == pytest.approx(shared * torques.damping_like_T * sqrt(b0 * (b0 + m)), rel=2e-3)
    assert line.v_asym_V == pytest.approx(shared * (torques.field_like_T + torques.oersted_T) * (b0 + m), rel=2e-3)


def test_line_and_a_smooth_tail_make_up_the_whole_spectrum(sample):
    line = sample.line(FREQUENCY_HZ, 2e-3, 45.0)
    field_T = np.linspace(0.02, 0.16, 141)
    voltage_V = np.array([sample.rectified_V(b, FREQUENCY_HZ, 2e-3, 45.0) for b in field_T])
    x, w = field_T - line.field_res_T, line.width_T
    left_V = voltage_V - (line.v_sym_V * w**2 + line.v_asym_V * w * x) / (x**2 + w**2)
    bent_V = left_V - np.polyval(np.polyfit(field_T, left_V, 1), field_T)
    assert np.abs(left_V).max() < 0.01 * abs(line.v_asym_V)
    assert np.abs(bent_V).max() < 1e-4 * abs(line.v_asym_V)


def test_broadening_is_the_average_over_a_lorentzian_distribution_of_fields():
    width_T, field_T = 2e-3, 0.0635
    broad = replace(SPIN, width_0_T=width_T)

    def weighted(angle_rad):  # B' = B + W0 tan(angle) makes the distribution uniform in the angle
        local_T = field_T + width_T * np.tan(angle_rad)
        matrix = SPIN.system(local_T, FREQUENCY_HZ)
        return np.linalg.solve(matrix, [2e-5, -1e-5])[0].real / pi

    average, _ = quad(weighted, -pi / 2, pi / 2, limit=400)
    assert broad.in_plane_response(field_T, FREQUENCY_HZ, 1e-5, 2e-5).real == pytest.approx(average, rel=1e-4)


def test_voltage_is_odd_in_the_field_and_absent_where_the_film_is_not_saturated(sample):
    for field_T in (0.03, 0.06, 0.09):
        positive = sample.rectified_V(field_T, FREQUENCY_HZ, 2e-3, 40.0)
        assert sample.rectified_V(-field_T, FREQUENCY_HZ, 2e-3, 40.0) == pytest.approx(-positive, rel=1e-12)
    assert sample.rectified_V(0.0, FREQUENCY_HZ, 2e-3, 40.0) == 0.0
    assert sample.rectified_V(-1e-5, FREQUENCY_HZ, 2e-3, 40.0) == 0.0


@pytest.mark.parametrize("angle_deg", [10.0, 45.0, 80.0, 135.0, 200.0])
def test_amplitudes_follow_sin_2phi_cos_phi(sample, angle_deg):
    at_angle, at_45 = sample.line(FREQUENCY_HZ, 2e-3, angle_deg), sample.line(FREQUENCY_HZ, 2e-3, 45.0)
    ratio = sin(2 * radians(angle_deg)) * cos(radians(angle_deg)) / cos(pi / 4)
    assert at_angle.v_sym_V == pytest.approx(ratio * at_45.v_sym_V, rel=1e-9)
    assert at_angle.v_asym_V == pytest.approx(ratio * at_45.v_asym_V, rel=1e-9)


def test_amplitudes_grow_with_the_square_of_the_current(sample):
    one, two = sample.line(FREQUENCY_HZ, 1e-3, 45.0), sample.line(FREQUENCY_HZ, 2e-3, 45.0)
    assert two.v_sym_V == pytest.approx(4 * one.v_sym_V)
    assert two.v_asym_V == pytest.approx(4 * one.v_asym_V)
    assert two.width_T == one.width_T


def test_spin_orbit_layer_above_turns_the_sign_of_every_torque(sample):
    below, above = sample.line(FREQUENCY_HZ, 2e-3, 45.0), replace(sample, nm_side=-1.0).line(FREQUENCY_HZ, 2e-3, 45.0)
    assert above.v_sym_V == pytest.approx(-below.v_sym_V)
    assert above.v_asym_V == pytest.approx(-below.v_asym_V)


def test_platinum_below_nife_gives_symmetric_and_oersted_parts_of_one_sign(sample):
    # the anchor of the signs: xi_dl > 0, and without a field-like torque the antisymmetric part is Oersted's
    platinum = replace(sample, xi_dl_E=0.08 / 25e-8, xi_fl_E=0.0, nm_resistivity_ohm_m=25e-8, nm_thickness_m=6e-9)
    line = platinum.line(FREQUENCY_HZ, 2e-3, 45.0)
    assert line.v_sym_V * line.v_asym_V > 0


def test_torques_of_the_shipped_sample_follow_from_their_definition(sample):
    torques = sample.torques(1e-3)
    electric = 1e-3 * 300.0 / 49e-6
    ms_A_per_m = 0.95 / (4e-7 * pi)
    expected_T = 8486.0 * 1.054571817e-34 / (2 * 1.602176634e-19) * electric / (ms_A_per_m * 6e-9)
    assert torques.damping_like_T == pytest.approx(expected_T, rel=1e-6)
    assert torques.field_like_T == pytest.approx(-1.068e4 / 8486.0 * expected_T, rel=1e-6)
    assert torques.oersted_T == pytest.approx(4e-7 * pi * electric / 3.503e-6 * 10e-9 / 2, rel=1e-6)
