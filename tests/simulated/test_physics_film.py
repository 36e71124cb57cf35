"""Films and their contacts against laws and solutions found otherwise: van der Pauw, reciprocity, a resistor net."""

import itertools
import math

import numpy as np
import pytest
from scipy.constants import k
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve

from sotlab.errors import StationError
from sotlab.simulated.physics.circuit import RELAY_OHM, Source, flows, solve
from sotlab.simulated.physics.driven import DrivenFilm, Surroundings
from sotlab.simulated.physics.film import Conduction, Contact, Film, Magnetism
from sotlab.simulated.physics.flicker import Flicker
from sotlab.simulated.physics.modulated import Burst
from sotlab.simulated.physics.planar import Disk, Rectangle, potentials
from sotlab.simulated.physics.transport import OPEN_OHM, Waveform

BISB = Conduction(10e-9, 3.503e-6, 3e-9, 0.93, 1e-4, 0.04, 300.0)


def edge_of_disk(degrees):
    return [(5e-3 * math.cos(math.radians(a)), 5e-3 * math.sin(math.radians(a))) for a in degrees]


CORNERS = [(-2.5e-3, -2.5e-3), (2.5e-3, -2.5e-3), (2.5e-3, 2.5e-3), (-2.5e-3, 2.5e-3)]
#: Four contacts each, counterclockwise along the edge.
FOUR = {
    "disk": (Disk(10e-3), edge_of_disk([10, 75, 200, 310])),
    "square, corners": (Rectangle(5e-3, 5e-3), CORNERS),
    "oblong, edges": (Rectangle(8e-3, 3e-3), [(-1e-3, -1.5e-3), (4e-3, 0.2e-3), (2e-3, 1.5e-3), (-4e-3, -1e-3)]),
    "upright": (Rectangle(2e-3, 9e-3), [(0.3e-3, -4.5e-3), (1e-3, 1e-3), (-0.2e-3, 4.5e-3), (-1e-3, 3e-3)]),
    "anisotropic": (Rectangle(5e-3, 5e-3, 2.7), [*CORNERS[:1], (2.5e-3, -2e-3), CORNERS[2], (-1e-3, 2.5e-3)]),
}  # fmt: skip


def film(shape, places, **more):
    return Film(shape, tuple(Contact(at, 1e-6) for at in places), BISB, **more)


@pytest.mark.parametrize("name", FOUR)
def test_two_configurations_obey_van_der_pauws_relation(name):
    sample = film(*FOUR[name])
    a = sample.resistance_ohm((1, 2), (4, 3), 295.0)
    b = sample.resistance_ohm((2, 3), (1, 4), 295.0)
    assert a > 0 < b
    sheet_ohm = BISB.sheet_ohm(295.0)
    assert math.exp(-math.pi * a / sheet_ohm) + math.exp(-math.pi * b / sheet_ohm) == pytest.approx(1.0, abs=1e-12)


def test_contact_inside_a_disk_makes_van_der_pauws_error():
    """L. J. van der Pauw, Philips Res. Rep. 13, 1 (1958): at the distance d from the edge, -d^2 / (2 D^2 ln 2)."""
    places = edge_of_disk([0, 90, 180, 270])
    sheet_ohm = BISB.sheet_ohm(295.0)
    for depth in (0.01, 0.02):  # d / D
        sample = film(Disk(10e-3), [((0.5 - depth) * 10e-3, 0.0), *places[1:]])
        a = sample.resistance_ohm((1, 2), (4, 3), 295.0)
        b = sample.resistance_ohm((2, 3), (1, 4), 295.0)
        assert a == pytest.approx(b, rel=1e-9)
        apparent_ohm = math.pi * a / math.log(2.0)
        assert apparent_ohm / sheet_ohm - 1 == pytest.approx(-(depth**2) / (2 * math.log(2)), rel=3 * depth)


@pytest.mark.parametrize("name", FOUR)
@pytest.mark.parametrize("normal_T", [0.0, 0.7])
def test_exchanging_current_and_voltage_is_turning_the_field_round(name, normal_T):
    sample = film(*FOUR[name], hall_m3_per_C=-1.2e-8, magnetism=Magnetism(amr=0.02))
    for i, j, m, n in itertools.permutations((1, 2, 3, 4)):
        there = sample.resistance_ohm((i, j), (m, n), 295.0, normal_T, 0.6)
        back = sample.resistance_ohm((m, n), (i, j), 295.0, -normal_T, 0.6)
        assert there == pytest.approx(back, abs=1e-9)


@pytest.mark.parametrize("name", FOUR)
def test_field_adds_the_hall_resistance_where_currents_cross_and_nothing_elsewhere(name):
    sample = film(*FOUR[name], hall_m3_per_C=-1.2e-8)

    def change_ohm(current, voltage):
        return sample.resistance_ohm(current, voltage, 295.0, 0.5) - sample.resistance_ohm(current, voltage, 295.0)

    hall_ohm = -1.2e-8 * 0.5 / 10e-9
    # Counterclockwise 1, 2, 3, 4 with the current from 1 to 3: 2 lies to its right, where holes would gather.
    assert change_ohm((1, 3), (2, 4)) == pytest.approx(hall_ohm, rel=1e-9)
    assert change_ohm((2, 4), (3, 1)) == pytest.approx(hall_ohm, rel=1e-9)
    assert change_ohm((1, 2), (4, 3)) == pytest.approx(0.0, abs=1e-9)
    assert change_ohm((2, 3), (1, 4)) == pytest.approx(0.0, abs=1e-9)


def grid_ohm(length_m, width_m, cells, current, voltage, anisotropy=1.0):
    """Return R/R_sh of a rectangle by a net of resistors with nodes in the middle of its cells, contacts at nodes."""
    columns, rows = cells
    step_x, step_y = length_m / columns, width_m / rows
    along, across = step_y / step_x / math.sqrt(anisotropy), step_x / step_y * math.sqrt(anisotropy)
    number = np.arange(columns * rows).reshape(columns, rows)
    pairs = [(number[:-1], number[1:], along), (number[:, :-1], number[:, 1:], across)]
    i, j, g = [], [], []
    for one, other, conductance in pairs:
        a, b, size = one.ravel(), other.ravel(), one.size
        i += [a, b, a, b]
        j += [a, b, b, a]
        g += [np.full(size, conductance)] * 2 + [np.full(size, -conductance)] * 2
    matrix = coo_array((np.concatenate(g), (np.concatenate(i), np.concatenate(j)))).tocsc()
    node = lambda cell: int(number[cell])  # noqa: E731
    drive = np.zeros(columns * rows)
    drive[node(current[0])], drive[node(current[1])] = 1.0, -1.0
    potential = np.zeros(columns * rows)
    potential[1:] = spsolve(matrix[1:, 1:], drive[1:])
    middle = lambda cell: ((cell[0] + 0.5) * step_x - length_m / 2, (cell[1] + 0.5) * step_y - width_m / 2)  # noqa: E731
    found = potential[node(voltage[0])] - potential[node(voltage[1])]
    return found, [middle(cell) for cell in (*current, *voltage)]


@pytest.mark.parametrize("anisotropy", [1.0, 3.0])
def test_resistances_are_those_of_a_net_of_resistors(anisotropy):
    cells = ((30, 20), (170, 90), (60, 95), (150, 15))
    net, places = grid_ohm(4e-3, 2e-3, (200, 100), cells[:2], cells[2:], anisotropy)
    shape = Rectangle(4e-3, 2e-3, anisotropy)
    spread = potentials(shape, places, [1e-6] * 4)
    exact = spread[2, 0] - spread[2, 1] - spread[3, 0] + spread[3, 1]
    assert net == pytest.approx(exact, rel=2e-3)  # contacts some ten cells apart: the net's error is (1/10)^2 / 6


def test_disk_is_the_limit_of_a_film_without_edges_far_away():
    """Contacts close together in the middle of a large disk see an infinite film: ln 2 / 2 pi for four in a row."""
    places = [(s * 1e-5, 0.0) for s in (-1.5, -0.5, 0.5, 1.5)]
    spread = potentials(Disk(1.0), places, [1e-7] * 4)
    assert spread[1, 0] - spread[1, 3] - spread[2, 0] + spread[2, 3] == pytest.approx(math.log(2) / math.pi, rel=1e-7)


def bar(**more):
    places = [(-1.275e-3, 0), (1.275e-3, 0), (-0.525e-3, 0.125e-3), (0.525e-3, 0.125e-3), (-0.525e-3, -0.125e-3)]
    return film(Rectangle(2.55e-3, 0.25e-3), places, **more)


def test_hall_bar_has_its_squares_and_its_hall_voltage():
    sample = bar(hall_m3_per_C=-1.2e-8)
    assert sample.resistance_ohm((1, 2), (3, 4), 295.0, 0.8) == pytest.approx(4.2 * BISB.sheet_ohm(295.0), rel=1e-8)
    # The lower side is at R_H I B / t against the upper one.
    assert sample.resistance_ohm((1, 2), (5, 3), 295.0, 0.8) == pytest.approx(-1.2e-8 * 0.8 / 10e-9, rel=1e-8)


def test_bar_shows_amr_along_and_the_planar_hall_effect_across():
    sample, sheet_ohm = bar(magnetism=Magnetism(amr=0.01)), BISB.sheet_ohm(295.0)
    for angle in np.radians([0, 30, 45, 100, 225]):
        along = sample.resistance_ohm((1, 2), (3, 4), 295.0, 0.0, angle)
        across = sample.resistance_ohm((1, 2), (5, 3), 295.0, 0.0, angle)
        assert along == pytest.approx(4.2 * sheet_ohm * (1 + 0.01 * math.cos(angle) ** 2), rel=1e-7)
        # E_y = dR_sh J sin cos, so that the lower side is at the higher potential.
        assert across == pytest.approx(0.01 * sheet_ohm * math.sin(angle) * math.cos(angle), abs=1e-6)


def test_bisb_changes_by_less_than_nine_percent_down_to_20_K_and_most_of_it_is_metallic():
    warm, cold = BISB.sheet_ohm(300.0), BISB.sheet_ohm(20.0)
    assert 0.02 < abs(cold / warm - 1) < 0.09
    frozen = 3.503e-6 * (1 + 3 * 3e-9 / (8 * 10e-9)) / 10e-9 / 0.93
    metallic_cold = frozen * (1 + 1e-4 * (20.0 - 300.0))
    assert cold == pytest.approx(metallic_cold, rel=1e-9)  # 40 meV at 20 K: the bulk is gone


def test_thickness_series_gives_back_the_bulk_resistivity():
    thicknesses_m = np.array([6, 8, 10, 15, 26, 40, 70]) * 1e-9
    rho = [Conduction(t, 3.503e-6, 3e-9).sheet_ohm(295.0) * t for t in thicknesses_m]
    slope, intercept = np.polyfit(1 / thicknesses_m, rho, 1)
    assert intercept == pytest.approx(3.503e-6, rel=1e-9)
    assert slope / intercept == pytest.approx(3 * 3e-9 / 8, rel=1e-9)


@pytest.mark.parametrize(("change", "named"), [
    ({"thickness_m": 0.0}, "thickness_m"), ({"thickness_m": 2e-9}, "too thin"), ({"metallic_share": 1.2}, "0 to 1"),
    ({"gap_eV": -0.1}, "gap_eV"), ({"coefficient_per_K": 0.01}, "lower it below 0.0033"),
    ({"resistivity_ohm_m": math.nan}, "finite"),
])  # fmt: skip
def test_impossible_film_is_refused_by_name(change, named):
    values = {"thickness_m": 10e-9, "resistivity_ohm_m": 3.5e-6, "scattering_m": 3e-9, "reference_K": 300.0} | change
    with pytest.raises(StationError, match=named):
        Conduction(**values)


def test_contact_that_lies_beside_the_film_or_in_another_is_refused():
    with pytest.raises(StationError, match=r"contact 2 .* outside"):
        film(Disk(1e-3), [(0.0, 0.0), (1e-3, 0.0)])
    with pytest.raises(StationError, match="radius_m"):
        Film(Disk(1e-3), (Contact((0.0, 0.0), 1e-5), Contact((1.5e-5, 0.0), 1e-5)), BISB)


def test_magnetisation_minimises_the_energy():
    magnetism = Magnetism(amr=0.01, anisotropy_T=5e-3)
    for field_T, degrees in itertools.product([1e-3, 6e-3, 0.1], [-170, -95, 3, 40, 89, 130, 300]):
        angle = math.radians(degrees)
        found = magnetism.angle_rad(field_T, angle)
        phi = found + np.linspace(-0.3, 0.3, 20001)
        energy = -field_T * np.cos(angle - phi) + 2.5e-3 * np.sin(phi) ** 2
        assert phi[np.argmin(energy)] == pytest.approx(found, abs=4e-5)
        assert magnetism.angle_rad(-field_T, angle + math.pi) == pytest.approx(found, abs=1e-9) or math.isclose(
            math.cos(2 * magnetism.angle_rad(-field_T, angle + math.pi)), math.cos(2 * found), abs_tol=1e-9
        )
    assert Magnetism().angle_rad(0.1, 0.7) == 0.7


# --- the circuit


def wired(closed, broken=(), factor=1.0, sample=None):
    sample = sample or bar()
    return solve(sample, sample.resistances(295.0), closed, frozenset(broken), factor)


FOUR_POINT = (101, 202, 303, 404)


def test_four_lines_see_the_four_point_resistance_whatever_the_contacts_have():
    poor = Film(bar().shape, tuple(Contact(one.at_m, 1e-6, 500.0 * i) for i, one in enumerate(bar().contacts, 1)), BISB)
    for sample in (bar(), poor):
        assert wired(FOUR_POINT, sample=sample).transfer_ohm == pytest.approx(
            sample.resistance_ohm((1, 2), (3, 4), 295.0), rel=1e-6
        )  # the meter's 10 Gohm
    added_ohm = wired(FOUR_POINT, sample=poor).input_ohm - wired(FOUR_POINT).input_ohm
    assert added_ohm == pytest.approx(500.0 + 1000.0, rel=1e-4)
    assert wired(FOUR_POINT, sample=poor).output_ohm - wired(FOUR_POINT).output_ohm == pytest.approx(3500, rel=1e-4)


def test_lines_on_the_same_contacts_see_two_points():
    two = wired((101, 202, 301, 402))
    assert two.transfer_ohm == pytest.approx(two.input_ohm - 2 * RELAY_OHM, rel=1e-6)


def test_shorted_lines_carry_the_current_past_the_film():
    short = wired((101, 202, 102))
    assert short.input_ohm == pytest.approx(2 * RELAY_OHM, rel=1e-3)  # I+ and I- meet in the wire of contact 2
    assert short.share < 1e-3


@pytest.mark.parametrize(("closed", "broken"), [((202, 303, 404), ()), (FOUR_POINT, (1,)), ((), ())])
def test_open_current_line_conducts_nothing(closed, broken):
    found = wired(closed, broken)
    assert found.input_ohm > 0.1 * OPEN_OHM


@pytest.mark.parametrize(("closed", "broken"), [((101, 202, 404), ()), (FOUR_POINT, (3,)), ((101, 202), ())])
def test_open_voltage_line_has_the_meters_own_resistance(closed, broken):
    found = wired(closed, broken)
    assert found.output_ohm == pytest.approx(1e10, rel=0.05)
    assert found.input_ohm == pytest.approx(wired(FOUR_POINT).input_ohm, rel=1e-3)


def test_emf_in_a_wire_counts_with_the_sign_of_its_line():
    weights = wired(FOUR_POINT).emf_weights
    assert weights[2:4] == pytest.approx([1.0, -1.0], rel=1e-5)
    assert np.abs(np.delete(weights, [2, 3])).max() < 1e-5


def test_currents_of_two_sources_add_and_each_keeps_its_limit():
    one = Source(Waveform("dc", 0.0, 0.0, 1e-3), True, 10.0)
    two = Source(Waveform("dc", 0.0, 0.0, -4e-4), True, 10.0)
    found = flows({"a": one, "b": two}, 1000.0, 0.0)
    assert sum(flow.port.mean(0, 1) for flow in found.values()) == pytest.approx(6e-4)
    low = flows({"a": Source(one.wave, True, 0.5)}, 1000.0, 0.0)["a"]
    assert (low.port.mean(0, 1), low.factor) == (pytest.approx(0.5e-3), pytest.approx(0.5))


def test_voltage_source_divides_with_its_resistance_and_shunts_the_others():
    generator = Source(Waveform("dc", 0.0, 0.0, 3.0), False, math.inf, 2000.0)
    assert flows({"g": generator}, 1000.0, 0.0)["g"].port.mean(0, 1) == pytest.approx(1e-3)
    silent = Source(Waveform("dc", 0.0, 0.0, 0.0), False, math.inf, 1000.0)
    source = Source(Waveform("dc", 0.0, 0.0, 1e-3), True, 10.0)
    assert flows({"g": silent, "s": source}, 1000.0, 0.0)["s"].port.mean(0, 1) == pytest.approx(0.5e-3)


AROUND = Surroundings(295.0, 0.0, 0.0)


def test_current_heats_the_film_to_the_balance_of_heat():
    sample = bar(heating_K_per_W=2000.0)
    driven = DrivenFilm(sample, FOUR_POINT)
    driven.drive("s", Source(Waveform("sine", 2e-3, 100.0), True, 100.0))
    state = driven.state(0.0, AROUND)
    power_W = 2e-6 * (state.ports.input_ohm - 2 * RELAY_OHM - 2e-3)  # rms, without the relays and the least contacts
    assert state.film_K - 295.0 == pytest.approx(2000.0 * power_W, rel=1e-5)
    assert state.film_K > 305.0
    assert state.ports.transfer_ohm == pytest.approx(4.2 * BISB.sheet_ohm(state.film_K), rel=1e-6)


@pytest.mark.parametrize("ratio", [math.inf, 3.0])
def test_too_much_current_kills_the_film_for_good(ratio):
    driven = DrivenFilm(bar(width_m=250e-6, most_A_per_m2=2e9, dead_ratio=ratio), FOUR_POINT)  # 5 mA
    alive = driven.state(0.0, AROUND).ports
    driven.drive("s", Source(Waveform("dc", 0.0, 0.0, 4.9e-3), True, 100.0))
    driven.state(1.0, AROUND)
    assert driven.died_s is None
    driven.drive("s", Source(Waveform("dc", 0.0, 0.0, -5.1e-3), True, 100.0))
    driven.state(2.0, AROUND)
    assert driven.died_s == 2.0
    driven.drive("s", Source(Waveform("dc", 0.0, 0.0, 1e-6), True, 100.0))
    dead = driven.state(3.0, AROUND)
    if math.isinf(ratio):
        assert dead.flows["s"].factor < 1e-3
    else:
        assert dead.ports.transfer_ohm == pytest.approx(3.0 * alive.transfer_ohm, rel=1e-6)


def test_too_much_heat_kills_the_film_below_its_current_density():
    driven = DrivenFilm(bar(width_m=250e-6, most_A_per_m2=1e12, heating_K_per_W=2000.0, most_K=500.0), FOUR_POINT)
    for current_A, dead in ((4e-3, False), (6e-3, True)):  # 128 K and 288 K by 4 kohm
        driven.drive("s", Source(Waveform("dc", 0.0, 0.0, current_A), True, 100.0))
        driven.state(0.0, AROUND)
        assert (driven.died_s is not None) is dead


def test_voltage_limit_or_a_bypass_protects_the_film():
    driven = DrivenFilm(bar(width_m=250e-6, most_A_per_m2=2e9), FOUR_POINT)
    driven.drive("s", Source(Waveform("dc", 0.0, 0.0, 0.1), True, 1.0))
    driven.state(0.0, AROUND)
    driven.switch((101, 202, 102))
    driven.drive("s", Source(Waveform("dc", 0.0, 0.0, 0.1), True, 100.0))
    driven.state(1.0, AROUND)
    assert driven.died_s is None
    driven.switch(FOUR_POINT)
    driven.state(2.0, AROUND)
    assert driven.died_s == 2.0


# --- 1/f noise


def test_flicker_has_a_density_that_falls_as_one_over_f():
    """Means over adjoining windows of 10 ms against the density of their average, strength^2/f times sinc^2."""
    flicker, window_s, count = Flicker(2e-7, np.random.default_rng(5)), 0.01, 2**16
    samples = np.array([flicker.mean(i * window_s, (i + 1) * window_s) for i in range(count)])
    taper = np.hanning(count)
    power = 2 * window_s * np.abs(np.fft.rfft(samples * taper)) ** 2 / (taper**2).sum()
    frequency_Hz = np.fft.rfftfreq(count, window_s)
    for low_Hz, high_Hz in ((0.05, 0.5), (0.5, 5.0), (5.0, 15.0)):
        band = (frequency_Hz >= low_Hz) & (frequency_Hz < high_Hz)
        expected = 4e-14 / frequency_Hz[band] * np.sinc(frequency_Hz[band] * window_s) ** 2
        # 0.5 to 10 Hz and so on: 300, 3000 and 6500 bins, half of them independent; 1.5 dB of ripple and aliasing stay.
        spread = math.sqrt(2.0 / band.sum())
        assert np.mean(power[band] / expected) == pytest.approx(1.0, abs=0.06 + 4 * spread)


def test_flicker_over_a_long_window_is_the_mean_over_its_parts():
    """The variance of a mean does not depend on how the window is cut: in 4000 draws each to 2.2 % (one sigma)."""
    whole, parts = [], []
    for seed in range(4000):
        one, other = Flicker(1.0, np.random.default_rng(seed)), Flicker(1.0, np.random.default_rng(10_000 + seed))
        whole.append(one.mean(0.0, 1.0))
        parts.append(np.mean([other.mean(0.25 * i, 0.25 * (i + 1)) for i in range(4)]))
    assert np.var(parts) == pytest.approx(np.var(whole), rel=0.13)  # four sigma of the ratio


# --- waves


@pytest.mark.parametrize("wave", [
    Waveform("sine", 2.0, 7.0, phase_deg=40.0), Waveform("square", 2.0, 7.0, 0.3, 30.0, duty=0.2),
    Waveform("ramp", 2.0, 7.0, phase_deg=200.0, duty=0.8), Waveform("ramp", 2.0, 7.0, duty=1.0),
    Waveform("ramp", 2.0, 7.0, duty=0.0), Waveform("points", 2.0, 7.0, 0.1, 15.0, points=(0.0, 1.0, 0.5, -1.0, 0.2)),
], ids=lambda wave: f"{wave.shape}-{wave.duty}")  # fmt: skip
def test_harmonics_and_means_of_a_wave_are_those_of_its_samples(wave):
    times_s = (np.arange(70000) + 0.5) / 70000 / 7.0
    samples = np.array([wave.value(t) for t in times_s])
    assert wave.dc == pytest.approx(samples.mean(), abs=1e-4)
    assert wave.rms == pytest.approx(math.sqrt((samples**2).mean()), rel=1e-4)
    for order in (1, 2, 3):
        turning = np.exp(-2j * np.pi * order * 7.0 * times_s)
        assert wave.harmonic_rms(order) == pytest.approx(math.sqrt(2) * 1j * (samples * turning).mean(), abs=2e-4)
    start_s, stop_s = 0.013, 0.471
    times_s = start_s + (np.arange(100000) + 0.5) / 100000 * (stop_s - start_s)
    assert wave.mean(start_s, stop_s) == pytest.approx(np.mean([wave.value(t) for t in times_s]), abs=1e-4)


@pytest.mark.parametrize("period_s", [0.05, math.inf])
def test_burst_has_the_mean_and_the_rms_of_its_samples(period_s):
    wave = Burst("ramp", 2.0, 50.0, 0.3, 30.0, 0.7, start_s=0.1, burst_s=0.04, period_s=period_s)
    for start_s, stop_s in ((0.0, 0.123), (0.111, 0.113), (0.12, 0.417), (0.3, 0.31)):
        times_s = start_s + (np.arange(50000) + 0.5) / 50000 * (stop_s - start_s)
        assert wave.mean(start_s, stop_s) == pytest.approx(np.mean([wave.value(t) for t in times_s]), abs=1e-4)
    if math.isfinite(period_s):
        samples = np.array([wave.value(0.1 + (i + 0.5) * 0.05 / 50000) for i in range(50000)])
        assert (wave.dc, wave.rms) == pytest.approx((samples.mean(), math.sqrt((samples**2).mean())), abs=1e-4)
        assert wave.harmonic_rms(3) == 0j  # 2.5 cycles to a period: not in step
        whole = Burst("ramp", 2.0, 50.0, 0.3, 30.0, 0.7, start_s=0.1, burst_s=0.04, period_s=0.06)
        samples = np.array([whole.value(0.1 + (i + 0.5) * 0.06 / 60000) for i in range(60000)])
        turning = np.exp(-2j * np.pi * 3 * 50.0 * (np.arange(60000) + 0.5) * 0.06 / 60000)
        assert whole.harmonic_rms(3) == pytest.approx(math.sqrt(2) * 1j * (samples * turning).mean(), abs=1e-4)


def test_boltzmann_constant_is_in_the_gap():
    """At 300 K 40 meV are 1.547 kT: half of a film of bulk alone has frozen out where the exponent says so."""
    bulk = Conduction(10e-9, 1e-5, 0.0, 0.0, 0.0, 0.04, 300.0)
    gap_K = 0.04 * 1.602176634e-19 / k
    half_K = 1.0 / (1.0 / 300.0 + math.log(2.0) / gap_K)
    assert bulk.sheet_ohm(half_K) == pytest.approx(2.0 * bulk.sheet_ohm(300.0), rel=1e-9)
