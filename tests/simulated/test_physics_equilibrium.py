"""Rests of the macrospin against a search of the whole sphere; switching by field and by current."""

import math

import numpy as np
import pytest

from sotlab.simulated.physics.equilibrium import RestingSpin

SPINS = [
    RestingSpin(0.8), RestingSpin(0.8, 0.1, 30.0), RestingSpin(-0.85, 1e-3), RestingSpin(-0.85, 0.05, 70.0),
]  # fmt: skip


def sphere(count=40000):
    """Return points that cover the sphere evenly, 0.02 rad apart."""
    i = np.arange(count) + 0.5
    z, phi = 1 - 2 * i / count, math.pi * (1 + math.sqrt(5)) * i
    return np.stack([np.sqrt(1 - z * z) * np.cos(phi), np.sqrt(1 - z * z) * np.sin(phi), z], axis=1)


def energy_T(m, spin, field_T):
    """Return the energy over the moment, from the definition of the anisotropies."""
    angle = math.radians(spin.easy_axis_deg)
    u = np.array([math.cos(angle), math.sin(angle), 0.0])
    m = np.asarray(m)
    return -m @ np.asarray(field_T) - 0.5 * spin.b_k_T * m[..., 2] ** 2 - 0.5 * spin.b_u_T * (m @ u) ** 2


def random_fields(count, seed=0):
    rng = np.random.default_rng(seed)
    sizes = 10 ** rng.uniform(-3, 0.8, count)
    directions = rng.standard_normal((count, 3))
    return sizes[:, None] * directions / np.linalg.norm(directions, axis=1)[:, None]


@pytest.mark.parametrize("spin", SPINS, ids=range(len(SPINS)))
def test_the_deeper_rest_is_the_lowest_point_of_the_whole_sphere(spin):
    points = sphere()
    for field_T in random_fields(40):
        lowest = energy_T(points, spin, field_T).min()
        found = min(energy_T(spin.rest(tuple(field_T), 0.0, well), spin, field_T) for well in (1, -1))
        # The grid misses the minimum by at most a step of 0.02 rad, so its energy by that squared times the fields.
        assert lowest - 5e-4 * (np.linalg.norm(field_T) + 1.0) < found <= lowest + 1e-12


@pytest.mark.parametrize("spin", SPINS, ids=range(len(SPINS)))
@pytest.mark.parametrize("dl_T", [0.0, 3e-3, -0.05])
@pytest.mark.parametrize("well", [1, -1])
def test_no_torque_is_left_at_a_rest(spin, dl_T, well):
    angle = math.radians(spin.easy_axis_deg)
    u, y, z = np.array([math.cos(angle), math.sin(angle), 0.0]), np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
    for field_T in random_fields(60, seed=1):
        m = np.array(spin.rest(tuple(field_T), dl_T, well))
        effective_T = field_T + spin.b_k_T * m[2] * z + spin.b_u_T * (m @ u) * u + dl_T * np.cross(m, y)
        assert np.linalg.norm(m) == pytest.approx(1.0, abs=1e-12)
        assert np.linalg.norm(np.cross(m, effective_T)) < 1e-10 * max(1.0, np.linalg.norm(effective_T))


def test_a_rest_does_not_depend_on_what_was_asked_before():
    spin = RestingSpin(0.8)
    first = spin.rest((0.3, 0.01, -0.2), 1e-3, 1)
    for field_T in random_fields(50, seed=2):
        spin.rest(tuple(field_T), 1e-3, 1)
    assert spin.rest((0.3, 0.01, -0.2), 1e-3, 1) == first


def switching_T(spin, angle_deg, b_y_T=0.0, step_T=1e-3):
    """Return the field at which m leaves the upper well, the field growing at an angle from -z, towards x."""
    angle, well = math.radians(angle_deg), 1
    for count in range(1, 2000):
        size_T = count * step_T
        well = spin.next_well((size_T * math.sin(angle), b_y_T, -size_T * math.cos(angle)), 0.0, well)
        if well < 0:
            return size_T
    return math.inf


@pytest.mark.parametrize("angle_deg", [1.0, 20.0, 45.0, 70.0])
def test_a_macrospin_switches_on_the_astroid(angle_deg):
    s, c = math.sin(math.radians(angle_deg)), math.cos(math.radians(angle_deg))
    astroid_T = 0.8 * (s ** (2 / 3) + c ** (2 / 3)) ** -1.5
    assert switching_T(RestingSpin(0.8), angle_deg) == pytest.approx(astroid_T, abs=2e-3)


@pytest.mark.parametrize("angle_deg", [0.0, 30.0, 60.0])
def test_a_film_switches_earlier_by_the_law_of_kondorsky(angle_deg):
    spin = RestingSpin(0.8, b_c_T=0.05)
    expected_T = 0.05 / math.cos(math.radians(angle_deg))
    assert switching_T(spin, angle_deg) == pytest.approx(expected_T, abs=1.01e-3)


def test_an_easy_axis_in_the_plane_has_two_wells_too():
    spin = RestingSpin(-0.85, 5e-3, 90.0, b_c_T=2e-3)
    assert spin.rest((0.0, 1e-3, 0.0), 0.0, -1)[1] == pytest.approx(-1.0)
    assert spin.next_well((0.0, 1.9e-3, 0.0), 0.0, -1) == -1
    assert spin.next_well((0.0, 2.1e-3, 0.0), 0.0, -1) == 1


@pytest.mark.parametrize("b_x_T", [0.1, -0.1])
@pytest.mark.parametrize("dl_T", [0.4, -0.4])
def test_a_current_switches_as_field_along_it_and_its_sign_say(b_x_T, dl_T):
    # The damping-like field B_DL (m x y) has the component B_DL m_x along z, and m_x in the walls follows B_x.
    spin = RestingSpin(0.8, b_c_T=0.03)
    wanted = 1 if b_x_T * dl_T > 0 else -1
    for before in (1, -1):
        assert spin.next_well((b_x_T, 0.0, 0.0), dl_T, before) == wanted
    assert [spin.next_well((b_x_T, 0.0, 0.0), 0.01 * dl_T, before) for before in (1, -1)] == [1, -1]


def test_a_current_without_a_field_along_it_switches_nothing():
    spin = RestingSpin(0.8, b_c_T=0.03)
    assert [spin.next_well((0.0, 0.0, 0.0), 0.3, before) for before in (1, -1)] == [1, -1]


@pytest.mark.parametrize("b_x_T", [0.0, 0.05, 0.3, -0.3])
def test_a_current_shifts_the_loop_as_far_as_the_walls_are_turned(b_x_T):
    spin, dl_T = RestingSpin(0.8, b_c_T=0.02, b_w_T=0.05), 4e-3
    edges_T = []
    for before in (1, -1):
        sizes_T = np.linspace(-0.04, 0.04, 8001) * -before
        edges_T.append(next(b for b in sizes_T if spin.next_well((b_x_T, 0.0, b), dl_T, before) != before))
    shift_T = -math.pi / 2 * dl_T * b_x_T / math.hypot(b_x_T, 0.05)
    assert np.mean(edges_T) == pytest.approx(shift_T, abs=1.1e-5)
    assert edges_T[1] - edges_T[0] == pytest.approx(0.04, abs=2.2e-5)
