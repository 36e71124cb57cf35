"""The response of the simulated strip, against the equation of motion and the published line-shape formulas."""

from dataclasses import replace
from math import cos, pi, radians, sin, sqrt

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from sotlab.simulated.benches.stfmr import load_sample
from sotlab.simulated.physics.fmr import Macrospin
from sotlab.simulated.physics.sample import Rectifier

FREQUENCY_HZ = 7e9
SPIN = Macrospin(mu0_meff_T=0.85, g=2.1, alpha=0.01, width_0_T=0.0)


@pytest.fixture
def sample():
    return load_sample("nife_bisb_10nm.yaml")


def integrate_llg(sample, field_T, current_A, angle_deg, frequency_Hz, dc_A=0.0, tilt_deg=0.0):
    """Integrate the whole nonlinear equation in time and average over the last periods.

    The gyromagnetic ratio and the torques are written out here again: nothing is taken from the tested code.
    Returns the mean of I(t) R(t) [V] and of (m x dm/dt)/omega [rad^2].
    """
    gamma = sample.g * 9.2740100783e-24 / 1.054571817e-34
    phi, tilt, axis = (radians(a) for a in (angle_deg, tilt_deg, sample.easy_axis_deg))
    applied = field_T * np.array([cos(tilt) * cos(phi), cos(tilt) * sin(phi), sin(tilt)])
    easy = np.array([cos(axis), sin(axis), 0.0])
    electric = sample.resistance_ohm / sample.length_m  # V/m per A
    per_xi = 1.054571817e-34 / (2 * 1.602176634e-19) * electric * 4e-7 * pi / (sample.mu0_ms_T * sample.fm_thickness_m)
    oersted = 4e-7 * pi * electric / sample.nm_resistivity_ohm_m * sample.nm_thickness_m / 2
    dl = per_xi * np.array([sample.xi_dl_x_E, sample.xi_dl_E, sample.xi_dl_z_E])
    fl = per_xi * np.array([sample.xi_fl_x_E, sample.xi_fl_E, sample.xi_fl_z_E]) + np.array([0.0, oersted, 0.0])
    omega, lead = 2 * pi * frequency_Hz, radians(sample.phase_deg)

    def motion(t, m):
        drive = dc_A + current_A * cos(omega * t + lead)
        field = applied + drive * (fl + np.cross(m, dl)) + sample.anisotropy_T * (m @ easy) * easy
        field[2] -= sample.mu0_meff_T * m[2]
        precession = -gamma * np.cross(m, field)
        # dm/dt = p + alpha m x dm/dt, solved for dm/dt with |m| = 1
        return (precession + sample.alpha * np.cross(m, precession)) / (1 + sample.alpha**2)

    period = 1 / frequency_Hz
    # the amplitude settles within 1/(alpha gamma (B + M/2)) ~ 1.2 ns: 14 ns leave 1e-5
    settle, periods = 100 * period, 10
    times = settle + np.linspace(0, periods * period, 400 * periods, endpoint=False)
    start = np.sign(field_T) * np.array([cos(phi), sin(phi), 0.0])
    if sample.anisotropy_T or dc_A or tilt_deg:  # with a rest of its own: come near it by an overdamped motion first
        for _ in range(4000):
            field = applied + dc_A * (fl + np.cross(start, dl)) + sample.anisotropy_T * (start @ easy) * easy
            field[2] -= sample.mu0_meff_T * start[2]
            start = start - 0.5 * np.cross(start, np.cross(start, field))
            start /= np.linalg.norm(start)
    solution = solve_ivp(
        motion,
        (0, times[-1]),
        start,
        t_eval=times,
        method="DOP853",
        rtol=1e-8,
        atol=1e-11,
        max_step=period / 8,  # keeps the first step from leaving the sphere
    )
    m = solution.y
    change_ohm = sample.amr_ohm * (m[0] ** 2 - m[0].mean() ** 2)
    area = np.mean([np.cross(m[:, i], motion(t, m[:, i])) for i, t in enumerate(times)], axis=0) / omega
    return float(np.mean(current_A * np.cos(omega * times) * change_ohm)), area


@pytest.mark.parametrize("field_T", [0.0600, 0.0650, -0.0635])
def test_rectified_voltage_agrees_with_a_time_integration_of_the_whole_llg_equation(sample, field_T):
    clean = replace(sample, width_0_T=0.0)
    expected_V, _ = integrate_llg(clean, field_T, 2e-3, 45.0, FREQUENCY_HZ)
    assert clean.rectified_V(field_T, FREQUENCY_HZ, 2e-3, 45.0) == pytest.approx(expected_V, rel=1e-3)


TILTED = {"xi_dl_x_E": 4e3, "xi_dl_z_E": -3e3, "xi_fl_x_E": 2e3, "xi_fl_z_E": 5e3}
EASY = {"anisotropy_T": 15e-3, "easy_axis_deg": 70.0}


@pytest.mark.parametrize(
    ("changes", "field_T", "angle_deg", "more"),
    [
        (TILTED, 0.0610, 30.0, {}),
        (TILTED, -0.0650, 120.0, {}),
        ({"phase_deg": 25.0}, 0.0640, 45.0, {}),
        ({}, 0.0630, 45.0, {"dc_A": 20e-3}),
        ({}, -0.0630, 45.0, {"dc_A": 20e-3}),
        (TILTED, 0.0600, 200.0, {"dc_A": -20e-3}),
        (EASY, 0.0580, 30.0, {}),
        (EASY, 0.0200, -35.0, {}),  # the field is little more than the anisotropy: m stands far from it
        (EASY | TILTED, -0.0650, 30.0, {"dc_A": 15e-3}),
        ({}, 0.0630, 45.0, {"tilt_deg": 5.0}),
        (EASY | TILTED, 0.0600, 60.0, {"tilt_deg": -4.0, "dc_A": 10e-3}),
    ],
)
def test_general_voltage_and_cone_agree_with_a_time_integration(sample, changes, field_T, angle_deg, more):
    clean = replace(sample, width_0_T=0.0, **changes)
    current_A = 1e-3
    expected_V, area = integrate_llg(clean, field_T, current_A, angle_deg, FREQUENCY_HZ, **more)
    rectifier = Rectifier(clean, FREQUENCY_HZ, current_A, **more)
    found_V = rectifier.voltage_V(field_T, angle_deg)
    # Corrections beyond linear response go as the square of m's angle, here below 1e-3.
    assert found_V == pytest.approx(expected_V, rel=1.5e-3, abs=1e-11)
    pumped = Rectifier(replace(clean, pumping_V_per_rad2=1.0), FREQUENCY_HZ, current_A, **more)
    direction = np.array(rectifier.direction(field_T, angle_deg))
    cone = (pumped.voltage_V(field_T, angle_deg) - found_V) / direction[1]
    assert cone == pytest.approx(direction @ area, rel=3e-3)
    assert cone > 0


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        (TILTED | {"phase_deg": 20.0}, {}),
        (EASY, {}),
        (EASY | TILTED, {"dc_A": 15e-3, "tilt_deg": 3.0}),
        ({"pumping_V_per_rad2": 20.0}, {}),
        (EASY | {"pumping_V_per_rad2": 20.0}, {"dc_A": 10e-3}),
    ],
)
def test_line_and_a_smooth_rest_make_up_the_spectrum_of_any_sample(sample, changes, more):
    rectifier = Rectifier(replace(sample, **changes), FREQUENCY_HZ, 1e-3, **more)
    line = rectifier.line(40.0)
    x = np.linspace(-8, 8, 81)
    voltage_V = np.array([rectifier.voltage_V(line.field_res_T + one * line.width_T, 40.0) for one in x])
    size_V = np.hypot(line.v_sym_V, line.v_asym_V)
    left_V = voltage_V - (line.v_sym_V + line.v_asym_V * x) / (x**2 + 1)
    smooth_V = np.polyval(np.polyfit(x, left_V, 3), x)
    assert np.abs(left_V - smooth_V).max() < 2e-4 * size_V
    assert np.abs(left_V).max() < 0.05 * size_V


def test_lines_of_both_ways_agree_where_both_hold(sample):
    plain = sample.line(FREQUENCY_HZ, 1e-3, 35.0)
    general = Rectifier(replace(sample, anisotropy_T=1e-12), FREQUENCY_HZ, 1e-3).line(35.0)
    for name in ("v_sym_V", "v_asym_V", "field_res_T", "width_T"):
        assert getattr(general, name) == pytest.approx(getattr(plain, name), rel=1e-8)


@pytest.mark.parametrize("angle_deg", [20.0, 45.0, 160.0, 250.0])
def test_other_polarisations_have_the_published_angular_forms(sample, angle_deg):
    # physics sheet 1.3: V_S ~ sin2phi [DL_y cos - DL_x sin + FL_z], V_A ~ sin2phi [FL_y cos - FL_x sin - DL_z]
    phi = radians(angle_deg)

    def line(**xi):
        alone = dict.fromkeys(("xi_dl_E", "xi_fl_E", "xi_dl_x_E", "xi_dl_z_E", "xi_fl_x_E", "xi_fl_z_E"), 0.0) | xi
        bare = replace(sample, nm_resistivity_ohm_m=1e9, **alone)  # without an Oersted field
        return bare.line(FREQUENCY_HZ, 1e-3, angle_deg)

    dl, fl = line(xi_dl_E=1e4), line(xi_fl_E=1e4)
    assert line(xi_dl_x_E=1e4).v_sym_V == pytest.approx(-dl.v_sym_V * np.tan(phi), rel=1e-6)
    assert line(xi_fl_z_E=1e4).v_sym_V == pytest.approx(dl.v_sym_V / cos(phi), rel=1e-6)
    assert line(xi_fl_x_E=1e4).v_asym_V == pytest.approx(-fl.v_asym_V * np.tan(phi), rel=1e-6)
    assert line(xi_dl_z_E=1e4).v_asym_V == pytest.approx(-fl.v_asym_V / cos(phi), rel=1e-6)


def test_phase_of_the_torques_mixes_the_parts_of_the_line(sample):
    plain, late = sample.line(FREQUENCY_HZ, 1e-3, 45.0), replace(sample, phase_deg=5.0).line(FREQUENCY_HZ, 1e-3, 45.0)
    psi = radians(5.0)
    assert late.v_sym_V == pytest.approx(plain.v_sym_V * cos(psi) + plain.v_asym_V * sin(psi), rel=1e-9)
    assert late.v_asym_V == pytest.approx(plain.v_asym_V * cos(psi) - plain.v_sym_V * sin(psi), rel=1e-9)


def test_pumping_has_the_shape_of_the_symmetric_part_and_goes_as_sin_phi_cos_squared(sample):
    without = [sample.line(FREQUENCY_HZ, 1e-3, a) for a in (20.0, 45.0, 70.0, 110.0)]
    pumped = replace(sample, pumping_V_per_rad2=10.0)
    with_it = [pumped.line(FREQUENCY_HZ, 1e-3, a) for a in (20.0, 45.0, 70.0, 110.0)]
    added_V = [two.v_sym_V - one.v_sym_V for one, two in zip(without, with_it, strict=True)]
    forms = [sin(radians(a)) * cos(radians(a)) ** 2 for a in (20.0, 45.0, 70.0, 110.0)]
    assert np.array(added_V) / forms == pytest.approx(added_V[1] / forms[1], rel=1e-6)
    changed_V = [abs(two.v_asym_V - one.v_asym_V) for one, two in zip(without, with_it, strict=True)]
    assert max(changed_V) < 0.02 * max(added_V)


def test_direct_current_broadens_where_the_published_sign_says_and_by_as_much(sample):
    # physics sheet 1.4 (Liu): dW/dj = (omega/gamma)(hbar/2e) xi_j sin(phi)/[(B0 + M/2) M_s t_F], xi_j = xi_E rho
    dc_A, angle_deg = 3e-3, 45.0
    wide, narrow = (Rectifier(sample, FREQUENCY_HZ, 1e-3, dc_A=i).line(angle_deg) for i in (dc_A, -dc_A))
    omega_T = FREQUENCY_HZ / (sample.g * 13.99624492e9)
    j = dc_A * sample.resistance_ohm / sample.length_m / sample.nm_resistivity_ohm_m
    xi_j = sample.xi_dl_E * sample.nm_resistivity_ohm_m
    ms_t = sample.mu0_ms_T / (4e-7 * pi) * sample.fm_thickness_m
    b0 = sample.line(FREQUENCY_HZ, 1e-3, angle_deg).field_res_T
    slope = omega_T * 1.054571817e-34 / (2 * 1.602176634e-19) * xi_j * sin(radians(angle_deg))
    slope /= (b0 + sample.mu0_meff_T / 2) * ms_t
    assert wide.width_T - narrow.width_T == pytest.approx(2 * slope * j, rel=1e-3)
    assert wide.width_T > narrow.width_T
    # the field-like torque and the Oersted field shift the resonance by their part along m
    fields = sample.torques(dc_A)
    shift_T = -2 * (fields.field_like_T + fields.oersted_T) * sin(radians(angle_deg))
    assert wide.field_res_T - narrow.field_res_T == pytest.approx(shift_T, rel=2e-3)


def test_easy_axis_shifts_the_resonance_as_the_kittel_formula_says(sample):
    for angle_deg in (70.0, 160.0):  # along the easy and the hard axis m stands along the field
        line = replace(sample, **EASY).line(FREQUENCY_HZ, 1e-3, angle_deg)
        easy, hard = cos(2 * radians(angle_deg - 70.0)), cos(radians(angle_deg - 70.0)) ** 2
        stiff = (line.field_res_T + 15e-3 * easy) * (line.field_res_T + sample.mu0_meff_T + 15e-3 * hard)
        # damping moves the pole by alpha^2 of the field
        assert FREQUENCY_HZ == pytest.approx(sample.g * 13.99624492e9 * sqrt(stiff), rel=1e-4)


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
