"""Mixing conductance, Sharvin, work function, drift-diffusion efficiencies: closed forms, limits, printed numbers."""

import numpy as np
import pytest
from scipy.optimize import brentq

from sotlab.analysis.models.drift_diffusion import torque_efficiency
from sotlab.analysis.models.mixing_conductance import (
    CONDUCTANCE_QUANTUM_S,
    mixing_conductance,
    reflection,
    sharvin_conductance,
)
from sotlab.analysis.models.work_function import WORK_FUNCTION_EV, work_function
from sotlab.errors import UsageError

NIFE = (3.68e5, 24.8e-9, 350.3e-8, 0.023e13 + 0.133e13j)
COTB = (3.68e5, 24.8e-9, 350.3e-8, 7.11e13 + 0j)


@pytest.mark.parametrize(
    ("arguments", "wanted", "channels"),
    [
        ((0.1, 0.1, -5.0), 0.0010622790 - 0.0126597136j, 0.08515),
        ((0.5, 1.0, -5.0), 0.0001954751 - 0.0055580113j, 0.08515),
        ((0.5, 0.0, 0.0), 0.6765058768 - 0.5992247135j, 0.63025),
    ],
)
def test_the_mixing_conductance(arguments, wanted, channels):
    found = mixing_conductance(*arguments)
    assert found.g.real == pytest.approx(wanted.real, abs=5.1e-11)
    assert found.g.imag == pytest.approx(wanted.imag, abs=5.1e-11)
    assert found.channels == pytest.approx(channels, abs=1e-12)


def test_the_closed_form_is_that_of_the_reflected_waves():
    for arguments in ((0.1, 0.1, -5.0), (0.7, 0.4, 1.0)):
        closed, waves = mixing_conductance(*arguments), mixing_conductance(*arguments, coupling=1.0 + 1e-12)
        assert waves.g == pytest.approx(closed.g, abs=1e-10)


def test_everything_is_reflected_whatever_the_coupling():
    cos_k = np.linspace(-0.99, 0.99, 50)
    for coupling in (0.3, 1.0, 2.0):
        assert np.abs(reflection(cos_k, 0.4, -0.7, coupling)) == pytest.approx(1.0, abs=1e-14)


def test_the_reflection_solves_the_chains_equation_at_its_end():
    """psi_n = exp(-ikn) + r exp(ikn) for n <= -1 towards the layer at n = 0, which sees E = -2 t0 C + u'."""
    cos_k, offset, exchange, coupling = 0.3, -0.45, 0.2, 0.7
    k = np.arccos(cos_k)
    r = reflection(np.array(cos_k), offset, exchange, coupling)
    # A wave that comes with +k towards the layer, and leaves with -k: phases as seen from the layer's site.
    wave = {n: np.exp(1j * k * n) + r * np.exp(-1j * k * n) for n in (-2, -1, 0)}
    layer = wave[0] / coupling  # what site -1 needs of its neighbour: t0 psi(0) = t_c psi_layer
    # (E + 2 C t0) = -2 cos k; the layer's own energy above -2 C t0 is -(offset + exchange)
    residual = (-2 * cos_k + offset + exchange) * layer + coupling * wave[-1]
    assert abs(residual) < 1e-12


def test_field_like_conductance_dominates_for_a_small_exchange():
    """Seed 000, Fig. 4b: |Im G| / Re G above 10 for small J; 0 for a single channel at J = t0, delta t = 0."""
    for exchange, difference, ratio in ((0.1, 0.1, 11.9), (0.05, 0.0, 14.8)):
        g = mixing_conductance(exchange, difference, -5.0).g
        assert abs(g.imag) / g.real == pytest.approx(ratio, abs=0.05)
    g = mixing_conductance(1.0, 0.0, -5.0).g
    assert abs(g.imag) < 1e-12 * g.real


def test_the_ratio_without_a_barrier_is_the_closed_one_for_each_channel():
    j, energy = 0.3, -5.99
    g = mixing_conductance(j, 0.0, energy, points=2000)  # so few electrons that sin k is nearly one value
    sin_k = np.sqrt(1 - ((-energy - 4) / 2) ** 2)
    assert abs(g.g.imag) / g.g.real > (1 - j**2) / (2 * j * sin_k)


def test_the_real_part_rises_over_a_thousandfold_as_the_barrier_goes_only_at_low_filling():
    """Seed 000, Fig. 4c; at half filling it rises two- to tenfold only, a limit of the statement."""
    low = [mixing_conductance(0.5, dt, -5.0).per_channel.real for dt in (2.0, 0.5, 0.0)]
    assert low[0] == pytest.approx(2.06e-4, rel=2e-3)
    assert low[2] == pytest.approx(0.773, abs=6e-4)
    assert low[2] / low[0] == pytest.approx(3750, rel=3e-3)
    assert low[2] / low[1] == pytest.approx(41, abs=0.5)
    half = [mixing_conductance(0.5, dt, 0.0).g.real for dt in (2.0, 0.0)]
    assert 2 < half[1] / half[0] < 10


def test_the_conductance_per_area_has_units():
    one = mixing_conductance(0.1, 0.1, -5.0)
    assert one.per_area(0.5e-9) == pytest.approx(one.g * 3.874045865e-5 / 0.25e-18, rel=1e-9)
    assert pytest.approx(3.874045865e-5, rel=1e-9) == CONDUCTANCE_QUANTUM_S


def test_an_empty_band_has_no_channel():
    none = mixing_conductance(0.1, 0.1, -7.0)
    assert none.g == 0
    assert none.per_channel == 0


def test_the_printed_sharvin_formula_does_not_give_the_printed_range():
    """Seed 000 prints 3e13 to 17e13 for these densities: a factor of 2.4 to 2.6 that is not explained."""
    assert sharvin_conductance(1e26) == pytest.approx(1.2713512560e13, rel=1e-10)
    assert sharvin_conductance(1.2e27) == pytest.approx(6.6637657262e13, rel=1e-10)
    assert 3e13 / sharvin_conductance(1e26) == pytest.approx(2.36, abs=0.005)
    assert 17e13 / sharvin_conductance(1.2e27) == pytest.approx(2.55, abs=0.005)
    assert sharvin_conductance(1.2e27) / sharvin_conductance(1e26) == pytest.approx(12 ** (2 / 3))  # printed: 5.7
    assert [sharvin_conductance(n, 12.0) / 1e13 for n in (1e26, 1.2e27)] == pytest.approx([3.2, 16.8], abs=0.05)


def test_the_work_function_is_linear_unless_densities_of_states_are_known():
    elements = WORK_FUNCTION_EV
    assert work_function(0.9, elements["Bi"], elements["Sb"]) == pytest.approx(4.529)
    assert work_function(0.28, elements["Co"], elements["Tb"]) == pytest.approx(4.440)
    assert work_function(0.4, 4.0, 5.0, 2.0, 2.0) == pytest.approx(4.4)
    assert work_function(0.5, 4.0, 5.0, 1.0, 3.0) == pytest.approx(4.5 + 0.25 * (-1.0) * 2.0 / 2.0)
    assert [work_function(x, 4.0, 5.0, 1.0, 3.0) for x in (0.0, 1.0)] == [4.0, 5.0]


@pytest.mark.parametrize(
    ("thickness_nm", "dl", "fl", "dl_cotb", "ratio"),
    [
        (5, 4.190813e3, -3.060446e3, 7.238025e3, 1.73),
        (10, 8.486427e3, -1.067728e4, 2.717389e4, 3.20),
        (26, 1.638054e4, -3.429791e4, 1.300321e5, 7.94),
    ],
)
def test_the_torque_efficiencies(thickness_nm, dl, fl, dl_cotb, ratio):
    nife, cotb = torque_efficiency(thickness_nm * 1e-9, *NIFE), torque_efficiency(thickness_nm * 1e-9, *COTB)
    for found, wanted in ((nife.xi_dl_E, dl), (nife.xi_fl_E, fl), (cotb.xi_dl_E, dl_cotb)):
        assert float(f"{found:.6e}") == wanted  # to all seven digits
    assert round(cotb.xi_dl_E / nife.xi_dl_E, 2) == ratio  # the paper: more than 8 at 26 nm


def test_per_current_it_is_what_the_paper_measures_for_cotb():
    assert torque_efficiency(26e-9, *COTB).per_current(350.3e-8).xi_dl_E == pytest.approx(0.4555, abs=5e-5)


def test_the_field_like_torque_wins_only_above_7_3_nm():
    """The paper says "at all t"; from eqs. 1 and 2, |FL| = DL where tanh(t/lambda) = (g**2 + gi**2) / (gi - g).

    That is at 7.343823 nm. A root finder that stops within 2e-12 m, scipy's default, says 7.343991 nm when it starts
    from 2 and 20 nm: numbers with those digits are as good as that.
    """
    g = 2 * 24.8e-9 * 350.3e-8 * np.array([0.023e13, 0.133e13])
    crossing_m = 24.8e-9 * np.arctanh((g @ g) / (g[1] - g[0]))
    assert crossing_m == pytest.approx(7.343822575e-9, rel=1e-9)
    at, below, above = (torque_efficiency(factor * crossing_m, *NIFE) for factor in (1.0, 0.999, 1.001))
    assert -at.xi_fl_E == pytest.approx(at.xi_dl_E, rel=1e-12)
    assert -below.xi_fl_E < below.xi_dl_E
    assert -above.xi_fl_E > above.xi_dl_E
    assert brentq(lambda t: sum(vars(torque_efficiency(t, *NIFE)).values()), 2e-9, 20e-9) == pytest.approx(
        crossing_m, abs=2e-12
    )


def test_the_limits_of_thickness():
    thin, thick = torque_efficiency(1e-12, *NIFE), torque_efficiency(1e-3, *NIFE)
    assert abs(thin.xi_dl_E) < 1e-2
    g = 2 * 24.8e-9 * 350.3e-8 * np.array([0.023e13, 0.133e13])
    whole = (g[0] + 1) ** 2 + g[1] ** 2
    assert thick.xi_dl_E == pytest.approx(3.68e5 * (g[0] * (g[0] + 1) + g[1] ** 2) / whole, rel=1e-12)
    assert thick.xi_fl_E == pytest.approx(-3.68e5 * g[1] / whole, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: mixing_conductance(np.nan, 0.1, -5.0), "finite"),
        (lambda: mixing_conductance(0.1, 0.1, -5.0, points=0), "points: 0"),
        (lambda: mixing_conductance(0.1, 0.1, -5.0, coupling=0.0), "coupling: 0"),
        (lambda: sharvin_conductance(-1.0), "density: -1 1/m3"),
        (lambda: work_function(1.5, 4.0, 5.0), "x: 1.5"),
        (lambda: work_function(0.5, 4.0, 5.0, 1.0), "or neither"),
        (lambda: torque_efficiency([], *NIFE), "above 0"),
        (lambda: torque_efficiency(-1e-9, *NIFE), "above 0"),
        (lambda: torque_efficiency(np.nan, *NIFE), "finite"),
    ],
)
def test_bad_input_is_one_line(call, named):
    with pytest.raises(UsageError) as error:
        call()
    assert named in str(error.value)
