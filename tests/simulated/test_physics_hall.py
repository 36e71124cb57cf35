"""The Hall cross against an integration of the LLG equation in time, closed forms in their limits, and symmetries."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.constants import e, hbar, mu_0
from scipy.integrate import solve_ivp

from sotlab.errors import StationError
from sotlab.simulated.benches.bench import read_sample
from sotlab.simulated.physics.hall import next_well, respond, voltages_V
from sotlab.simulated.physics.hall_sample import HallSample
from sotlab.simulated.physics.transport import Waveform

SAMPLES = ["cotb_bisb_10nm.yaml", "pt_co_5nm.yaml", "nife_bisb_hall.yaml", "resistor_100ohm.yaml"]

#: Nothing but what the tests of single effects switch on.
PLAIN = {
    "arm_admixture": 0.0, "usmr_ohm_per_A": 0.0, "ane_ohm_per_A": 0.0, "one_ohm_per_A_T": 0.0, "mr_per_T2": 0.0,
    "mr_per_T": 0.0, "ohe_ohm_per_T": 0.0, "xi_dl_E": 0.0, "xi_fl_E": 0.0, "nm_resistivity_ohm_m": 1e3,
    "heating_K_per_W": 0.0, "b_u_T": 0.0,
}  # fmt: skip
#: Damping-like field of 0.2 mT at 1 mA in the first sample, so small that what is quadratic in it does not show.
AMPLITUDE_A = 1e-3


def film(name="cotb_bisb_10nm.yaml", temperature_K=300.0, **changes):
    values = read_sample(name) | PLAIN | changes
    return HallSample.from_mapping(values, name).film(temperature_K)


def with_fields(one, dl_T=0.0, y_T=0.0):
    """Return the film with these effective fields at the peak current."""
    return replace(one, dl_T_per_A=dl_T / AMPLITUDE_A, fl_T_per_A=y_T / AMPLITUDE_A, oe_T_per_A=0.0)


def polar(size_T, theta_deg, phi_deg=0.0):
    theta, phi = math.radians(theta_deg), math.radians(phi_deg)
    return size_T * math.sin(theta) * math.cos(phi), size_T * math.sin(theta) * math.sin(phi), size_T * math.cos(theta)


def harmonics(one, field_T, well=1, amplitude_A=AMPLITUDE_A, admixture=0.0):
    """Return R_1w and R_2w, the coefficients of sin(wt) and cos(2wt) over the peak current [ohm]."""
    well = next_well(one, field_T, 0.0, well)
    found = respond(one, field_T, Waveform("sine", amplitude_A, 85.0), well, admixture).hall_V
    assert abs(found[0].imag) < 1e-12 * abs(found[0]) + 1e-18
    assert abs(found[1].real) < 1e-9 * abs(found[1]) + 1e-18
    return math.sqrt(2) * found[0].real / amplitude_A, math.sqrt(2) * found[1].imag / amplitude_A


# --- against the equation of motion


def llg_harmonics(one, field_T, start, amplitude_A, frequency=2e-5, alpha=0.5):
    """Integrate dm/dt = -m x B + alpha m x dm/dt with a slow current, and project the Hall voltage on harmonics.

    Time is in units of 1/(gamma 1 T). What m lags behind is odd in the frequency: it shows in the other quadrature.
    """
    angle = math.radians(one.spin.easy_axis_deg)
    u, y = np.array([math.cos(angle), math.sin(angle), 0.0]), np.array([0.0, 1.0, 0.0])

    def motion(t, m):
        current_A = amplitude_A * math.sin(2 * math.pi * frequency * t)
        b = np.array(field_T) + one.in_plane_T_per_A * current_A * y
        b = b + one.spin.b_k_T * np.array([0, 0, m[2]]) + one.spin.b_u_T * (m @ u) * u
        b = b + one.dl_T_per_A * current_A * np.cross(m, y)
        torque = -np.cross(m, b)
        return (torque + alpha * np.cross(m, torque)) / (1 + alpha**2)

    period, count = 1 / frequency, 64
    times = period * (1 + np.arange(count) / count)
    solved = solve_ivp(
        motion, (0, 2 * period), np.array(start) / np.linalg.norm(start), "LSODA", t_eval=times, rtol=1e-10, atol=1e-13
    )
    m = solved.y / np.linalg.norm(solved.y, axis=0)
    phases = 2 * math.pi * np.arange(count) / count
    current_A = amplitude_A * np.sin(phases)
    hall_V = current_A * (one.ahe_ohm * m[2] + 2 * one.phe_ohm * m[0] * m[1] + one.ohe_ohm_per_T * field_T[2])
    hall_V += 2 * current_A**2 * (one.ane_ohm_per_A * m[0] + one.one_ohm_per_A_T * field_T[0])
    return [2 * np.mean(hall_V * wave) / amplitude_A for wave in (np.sin(phases), np.cos(2 * phases))]


@pytest.mark.parametrize(("name", "field_T", "start"), [
    ("cotb_bisb_10nm.yaml", polar(1.2, 30, 3), (0.3, 0, 0.95)),
    ("cotb_bisb_10nm.yaml", polar(0.2, 80, 40), (0, 0, 1)),
    ("cotb_bisb_10nm.yaml", polar(0.2, 80, 40), (0, 0, -1)),  # not where the field would have it
    ("pt_co_5nm.yaml", polar(0.9, 120, -20), (0.7, 0, -0.7)),
    ("nife_bisb_hall.yaml", polar(0.1, 90, 35), (0.8, 0.6, 0)),
    ("nife_bisb_hall.yaml", polar(0.5, 40, 190), (-0.9, 0, 0.4)),
])  # fmt: skip
def test_harmonics_are_those_of_the_equation_of_motion(name, field_T, start):
    one = HallSample.from_mapping(read_sample(name), name).film(300.0)
    amplitude_A = 2e-3
    expected = llg_harmonics(one, field_T, start, amplitude_A)
    found = harmonics(one, field_T, one.spin.well_of(start), amplitude_A)
    assert found == pytest.approx(expected, rel=1e-4)


# --- against closed forms where they hold


@pytest.mark.parametrize("phi_deg", [0, 20, 45, 70, 110, 200])
@pytest.mark.parametrize("size_T", [0.1, 0.5, 2.0])
def test_in_plane_rotation_has_the_known_form(phi_deg, size_T):
    one = film("nife_bisb_hall.yaml", ane_ohm_per_A=2e-3, one_ohm_per_A_T=0.01)
    one = with_fields(one, dl_T=2e-4, y_T=5e-5)
    r_1, r_2 = harmonics(one, polar(size_T, 90, phi_deg))
    c, s2 = math.cos(math.radians(phi_deg)), math.sin(2 * math.radians(phi_deg))
    torque = one.ahe_ohm * 2e-4 / (2 * (size_T + 0.8))
    heat = (2e-3 + 0.01 * size_T) * AMPLITUDE_A
    expected = -(torque + heat) * c - one.phe_ohm * 5e-5 / size_T * (2 * c**3 - c)
    scale = abs(torque) + abs(heat) + one.phe_ohm * 5e-5 / size_T
    assert r_1 == pytest.approx(one.phe_ohm * s2, abs=1e-5 * one.phe_ohm)
    assert r_2 == pytest.approx(expected, abs=1e-3 * scale)


@pytest.mark.parametrize("theta_deg", [5, 30, 60, 90, 150, 270])
@pytest.mark.parametrize("name", ["cotb_bisb_10nm.yaml", "pt_co_5nm.yaml"])
def test_rotation_out_of_the_plane_has_the_known_form(theta_deg, name):
    one = film(name, ane_ohm_per_A=8e-3, one_ohm_per_A_T=2e-3)
    one = with_fields(one, dl_T=4e-4, y_T=1e-4)
    size_T, b_k_T, theta_h = 2.0, one.spin.b_k_T, math.radians(theta_deg)
    r_1, r_2 = harmonics(one, polar(size_T, theta_deg))
    theta = theta_h  # of m, from the balance of its torque by bisection
    low, high = theta_h - 0.7, theta_h + 0.7
    for _ in range(80):
        theta = (low + high) / 2
        beyond = size_T * math.sin(theta_h - theta) - 0.5 * b_k_T * math.sin(2 * theta) < 0
        low, high = (low, theta) if beyond else (theta, high)
    stiffness_T = size_T * math.cos(theta_h - theta) + b_k_T * math.cos(2 * theta)
    terms = [
        0.5 * one.ahe_ohm * 4e-4 * math.sin(theta) / stiffness_T,
        one.phe_ohm * 1e-4 * math.sin(theta) ** 2 / (size_T * math.sin(theta_h)),
        8e-3 * AMPLITUDE_A * math.sin(theta),
        2e-3 * AMPLITUDE_A * size_T * math.sin(theta_h),
    ]
    assert r_1 == pytest.approx(one.ahe_ohm * math.cos(theta), abs=1e-5)
    assert r_2 == pytest.approx(-sum(terms), rel=5e-4)


@pytest.mark.parametrize("well", [1, -1])
@pytest.mark.parametrize("phe_ohm", [0.0, 0.3])
def test_low_fields_on_a_perpendicular_film_give_its_torques_back(well, phe_ohm):
    one = with_fields(film(phe_ohm=phe_ohm), dl_T=4e-4, y_T=-1.5e-4)
    b_k_T, xi = one.spin.b_k_T, phe_ohm / one.ahe_ohm
    fields_T = np.linspace(-0.12, 0.12, 25) * b_k_T
    slopes = []
    for axis in (0, 1):
        rows = [harmonics(one, (b, 0.0, 0.0) if axis == 0 else (0.0, b, 0.0), well) for b in fields_T]
        r_1, r_2 = np.array(rows).T
        slopes.append(np.polyfit(fields_T, r_2, 1)[0] / (2 * np.polyfit(fields_T, r_1, 2)[0]))
    b_x, b_y = slopes
    dl_T = well * 2 * (b_x + well * 2 * xi * b_y) / (1 - 4 * xi**2)
    y_T = -2 * (b_y + well * 2 * xi * b_x) / (1 - 4 * xi**2)
    # 1.5 %: the parabola in a window of 0.12 B_K.
    assert dl_T == pytest.approx(4e-4, rel=0.015)
    assert y_T == pytest.approx(-1.5e-4, rel=0.015)


# --- symmetries and signs


@pytest.mark.parametrize("name", SAMPLES[:3])
@pytest.mark.parametrize("size_T", [1.5, 3.0])
def test_the_current_s_direction_is_the_same_point_of_both_rotations(name, size_T):
    one = HallSample.from_mapping(read_sample(name), name).film(295.0)
    out_of_plane, in_plane = harmonics(one, polar(size_T, 90, 0)), harmonics(one, (size_T, 0.0, 0.0))
    assert out_of_plane == pytest.approx(in_plane, rel=1e-9, abs=1e-15)
    # Near it, too: there is no jump from one geometry to the other.
    assert harmonics(one, polar(size_T, 90.01, 0))[1] == pytest.approx(in_plane[1], rel=1e-3)
    assert harmonics(one, polar(size_T, 90, 0.01))[1] == pytest.approx(in_plane[1], rel=1e-3)


def test_turning_the_stack_over_turns_all_current_induced_fields():
    values = read_sample("cotb_bisb_10nm.yaml")
    below = HallSample.from_mapping(values, "below").film(300.0)
    above = HallSample.from_mapping(values | {"nm_side": -1}, "above").film(300.0)
    for name in ("dl_T_per_A", "fl_T_per_A", "oe_T_per_A"):
        assert getattr(above, name) == -getattr(below, name) != 0.0
    assert above.ane_ohm_per_A == below.ane_ohm_per_A


def test_platinum_below_gives_a_positive_damping_like_field():
    one = HallSample.from_mapping(read_sample("pt_co_5nm.yaml"), "pt").film(300.0)
    assert one.dl_T_per_A > 0
    # With the moment up and the field along the current, it pulls m against x: m x y = -x for m = z.
    x = voltages_V(one, (0.0, 0.0, 0.5), 2e-3, 1, 0.0)[2][0]
    assert x < 0


def test_effective_fields_follow_from_the_efficiencies_and_amperes_law():
    values = read_sample("cotb_bisb_10nm.yaml") | {"xi_dl_E": 3e4, "xi_fl_E": -1e4, "cross_factor": 0.8}
    one = HallSample.from_mapping(values, "x").film(300.0)
    electric_V_per_m = 0.8 * 170.7 / 10e-6  # of 1 A
    moment_A = 0.14 / mu_0 * 6e-9
    assert one.dl_T_per_A == pytest.approx(3e4 * electric_V_per_m * hbar / (2 * e) / moment_A, rel=1e-9)
    assert one.fl_T_per_A == pytest.approx(one.dl_T_per_A / -3, rel=1e-9)
    # Biot and Savart: a wide sheet of thin wires below the film, all along x, makes +y above it.
    density = electric_V_per_m / 3.503e-6
    across = np.linspace(-2e-3, 2e-3, 400001)
    depths = (np.arange(10) + 0.5) * 1e-9
    wires_A = density * 1e-9 * (across[1] - across[0])
    sheets_T = [np.sum(mu_0 * wires_A / (2 * math.pi) * d / (across**2 + d**2)) for d in depths + 1e-7]
    # The wires stand 10 nm apart, so the field is taken 100 nm away: there it is still that of an infinite sheet.
    assert one.oe_T_per_A == pytest.approx(sum(sheets_T), rel=1e-3)


def test_tb_rich_film_has_its_hall_effect_turned():
    one = HallSample.from_mapping(read_sample("cotb_bisb_10nm.yaml"), "x").film(300.0)
    assert harmonics(one, (0.0, 0.0, 2.0))[0] == pytest.approx(-1.9 + 0.02 * 2.0, rel=1e-6)
    assert harmonics(one, (0.0, 0.0, -2.0))[0] == pytest.approx(1.9 - 0.02 * 2.0, rel=1e-6)


@pytest.mark.parametrize("field_T", [polar(1.5, 20, 10), polar(0.7, 100, -30)])
def test_turning_the_field_round_parts_torques_and_longitudinal_voltage(field_T):
    # Without AMR: its share of the second harmonic has parts of both kinds.
    one = HallSample.from_mapping(read_sample("cotb_bisb_10nm.yaml") | {"amr_ohm": 0.0}, "x").film(300.0)
    opposite_T = tuple(-b for b in field_T)

    def parts(admixture):
        there, back = harmonics(one, field_T, admixture=admixture), harmonics(one, opposite_T, admixture=admixture)
        return [(a - b) / 2 for a, b in zip(there, back, strict=True)], [
            (a + b) / 2 for a, b in zip(there, back, strict=True)
        ]

    clean_odd, clean_even = parts(0.0)
    odd, even = parts(0.01)
    # First harmonic: R_xx is even in the field (B^2, |B|), so it stays out of the odd part.
    assert odd[0] == pytest.approx(clean_odd[0], rel=1e-4)
    assert even[0] - clean_even[0] == pytest.approx(0.01 * one.strip_ohm, rel=0.02)
    # Second harmonic: unidirectional resistance and longitudinal thermal voltage are odd in m, and stay in.
    assert even[1] == pytest.approx(clean_even[1], abs=1e-3 * abs(clean_odd[1]))
    assert abs(odd[1] - clean_odd[1]) > 1e-9


def test_a_wave_with_higher_harmonics_keeps_them_on_a_resistor():
    one = HallSample.from_mapping(read_sample("resistor_100ohm.yaml"), "r").film(295.0)
    for shape, expected in (("square", (4 / math.pi, 0, 4 / math.pi / 3)), ("sine", (1, 0, 0))):
        found = respond(one, (0.0, 0.0, 0.0), Waveform(shape, 1e-3, 85.0), 1, 1.0).hall_V
        peaks = [math.sqrt(2) * abs(phasor) / 0.1 for phasor in found]
        assert peaks == pytest.approx(expected, abs=1e-4)
        assert found[0].real > 0


def test_thermal_voltage_has_a_dc_part_that_equals_its_second_harmonic():
    one = film(ane_ohm_per_A=0.01)
    found = respond(one, (2.0, 0.0, 0.0), Waveform("sine", 1e-3, 85.0), 1)
    assert found.hall_dc_V == pytest.approx(0.01 * 1e-3**2, rel=1e-6)
    assert found.hall_V[1].imag == pytest.approx(-0.01 * 1e-3**2 / math.sqrt(2), rel=1e-6)


def test_a_large_current_is_followed_through_its_period():
    # 0.4 T of damping-like field at the peak: nothing is small any more; brute force over the period as the reference.
    one = with_fields(film(coercivity=1.0), dl_T=0.4, y_T=0.2)
    field_T, phases = polar(2.0, 50, 20), 2 * math.pi * (np.arange(2000) + 0.5) / 2000
    hall_V = np.array([voltages_V(one, field_T, AMPLITUDE_A * math.sin(p), 1, 0.0)[0] for p in phases])
    found = respond(one, field_T, Waveform("sine", AMPLITUDE_A, 85.0), 1).hall_V
    for k in (1, 2, 3):
        expected = 1j * math.sqrt(2) * np.mean(hall_V * np.exp(-1j * k * phases))
        assert found[k - 1] == pytest.approx(expected, rel=1e-6)


def test_a_current_that_switches_within_its_period_gives_a_square_hall_voltage():
    # With a field along it, +I holds m up and -I down: |V| is R_A |I|, whose mean is 2/pi of the peak.
    one = with_fields(film(coercivity=0.02), dl_T=0.35, y_T=0.0)
    found = respond(one, (0.25, 0.0, 0.0), Waveform("sine", AMPLITUDE_A, 85.0), 1)
    assert found.well == -1
    mean_ohm = found.hall_dc_V / AMPLITUDE_A
    assert 0.7 * 2 / math.pi < mean_ohm / one.ahe_ohm < 2 / math.pi


# --- files


@pytest.mark.parametrize("name", SAMPLES)
def test_every_shipped_sample_stands_its_temperatures(name):
    sample = HallSample.from_mapping(read_sample(name), name)
    for temperature_K in (4.0, 20.0, 150.0, 300.0, 400.0):
        one = sample.film(temperature_K)
        assert one.strip_ohm > 0
        assert math.isfinite(respond(one, (0.3, 0.01, 0.2), Waveform("sine", 1e-3, 85.0), 1).hall_V[1].imag)


def test_tables_run_straight_between_their_temperatures():
    one = film(ahe_ohm={20: -2.0, 220: -1.0, 300: -1.0}, temperature_K=120.0)
    assert one.ahe_ohm == pytest.approx(-1.5)
    assert film(ahe_ohm={20: -2.0, 220: -1.0}, temperature_K=4.0).ahe_ohm == -2.0


@pytest.mark.parametrize(("change", "named"), [
    ({"nm_side": 0}, "nm_side is 0, allowed"), ({"sheet_ohm": -1}, "sheet_ohm is -1, it must be above 0"),
    ({"b_k_T": {20: 0.5, 300: -0.1}}, "b_k_T must be above 0"), ({"colour": 1}, "unknown key 'colour'"),
    ({"ahe_ohm": "big"}, "ahe_ohm is 'big'"), ({"ahe_ohm": {"cold": 1}}, "number in SI units"),
    ({"ahe_ohm": {}}, "empty table"), ({"width_m": {20: 1e-6, 300: 2e-6}}, "width_m is a table"),
    ({"cross_factor": 1.5}, "at most 1"), ({"arm_ohm": -5}, "0 or above"), ({"xi_dl_E": float("nan")}, "xi_dl_E"),
])  # fmt: skip
def test_impossible_sample_is_refused_by_name(change, named):
    with pytest.raises(StationError, match=named):
        HallSample.from_mapping(read_sample("pt_co_5nm.yaml") | change, "changed.yaml")


def test_missing_value_is_named():
    values = read_sample("pt_co_5nm.yaml")
    del values["phe_ohm"]
    with pytest.raises(StationError, match="phe_ohm missing"):
        HallSample.from_mapping(values, "changed.yaml")
