"""Absorption, impedance and efficiency; thickness models."""

from dataclasses import replace

import numpy as np
import pytest

from sotlab.analysis.thz.stack import Emitter, Layer, Material, absorption, efficiency, impedance_ohm
from sotlab.analysis.thz.thickness import bulk_shape, compare_thickness
from sotlab.analysis.values import Value
from sotlab.errors import FitError

PUMP_M = 810e-9
CO, PT = Material("Co", 2.49, 4.80), Material("Pt", 2.85, 4.96)
SHARED = np.full((3, 3), 0.03**2)
T = np.array([2.5e-9, 5e-9, 15e-9])


def test_bare_silicon_reflects_as_fresnel_says():
    found = absorption([], PUMP_M, substrate_n=3.69)
    assert found.reflected == pytest.approx((2.69 / 4.69) ** 2)
    assert found.transmitted == pytest.approx(1 - found.reflected)


def test_a_quarter_wave_layer_of_the_root_of_the_index_reflects_nothing():
    n = 3.69**0.5
    assert absorption([Layer(Material("AR", n), PUMP_M / 4 / n)], PUMP_M, substrate_n=3.69).reflected < 1e-12


def test_co_pt_on_silicon_is_as_known():
    found = absorption([Layer(CO, 2e-9), Layer(PT, 4e-9)], PUMP_M, substrate_n=3.69)
    assert found.reflected == pytest.approx(0.456, abs=0.005)
    assert found.transmitted == pytest.approx(0.406, abs=0.005)
    np.testing.assert_allclose(found.layers, [0.043, 0.095], atol=0.003)


def test_what_a_thin_film_absorbs_is_the_current_times_the_field():
    """(2 omega/c) n k |E|^2 t of a film so thin that the field in it is that of the bare substrate."""
    film = Material("film", 3.0, 4.0)
    found = absorption([Layer(film, 1e-12)], PUMP_M, substrate_n=3.69)
    field2 = (2 / (1 + 3.69)) ** 2
    assert found.layers[0] == pytest.approx(2 * np.pi / PUMP_M * 2 * 3 * 4 * field2 * 1e-12, rel=1e-4)


def test_absorption_by_integrating_the_fields_of_a_thick_stack():
    """Maxwell's equations integrated by small steps instead of matrices."""
    layers = [Layer(Material("cap", 1.7), 30e-9), Layer(CO, 15e-9), Layer(PT, 10e-9)]
    k0, E, H, flux = 2 * np.pi / PUMP_M, 1 + 0j, 2.0 + 0j, [2.0]
    for layer in reversed(layers):
        n2, steps = complex(layer.material.n, -layer.material.k) ** 2, 20000
        dz = layer.thickness_m / steps
        for _ in range(steps):  # backwards, with the midpoint
            Em, Hm = E + 1j * k0 * H * dz / 2, H + 1j * k0 * n2 * E * dz / 2
            E, H = E + 1j * k0 * Hm * dz, H + 1j * k0 * n2 * Em * dz
        flux.append((E * np.conj(H)).real)
    incoming = abs((E + H) / 2) ** 2
    found = absorption(layers, PUMP_M, substrate_n=2.0)
    np.testing.assert_allclose(found.layers, np.diff(flux)[::-1] / incoming, rtol=1e-5, atol=1e-9)
    assert found.reflected == pytest.approx(abs((E - H) / (E + H)) ** 2, rel=1e-6)
    assert found.reflected + found.transmitted + found.layers.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    "layer", [Layer(CO, -1e-9), Layer(Material("x", -1.0), 1e-9), Layer(Material("x", 2, -1), 1e-9)]
)
def test_an_impossible_layer_is_refused(layer):
    with pytest.raises(FitError, match="not possible"):
        absorption([layer], PUMP_M, substrate_n=3.69)


@pytest.mark.parametrize(("ohm", "substrate"), [(29.6, 3.42), (54.8, 3.42), (37.4, 3.42)])
def test_impedance_is_that_of_three_resistors_side_by_side(ohm, substrate):
    z0 = 376.730313668
    conductance = 1 / ohm - (1 + substrate) / z0
    assert impedance_ohm(conductance, substrate_thz_n=substrate) == pytest.approx(ohm)
    assert impedance_ohm(0.0, substrate_thz_n=0.0) == pytest.approx(z0)


def samples(ratio, sigma=0.01):
    """Three thicknesses whose absorption and impedance differ, with errors of what is given about them."""
    bisb = Material("BiSb", 3.5, 3.0, 0.15, 0.15)
    cobalt = replace(CO, n_sigma=0.1, k_sigma=0.2)
    conductances = (0.0025, 0.0033, 0.0068)
    return [
        Emitter(
            f"BiSb{t * 1e9:g}",
            (Layer(cobalt, 2e-9), Layer(bisb, t)),
            3.69,
            3.42,
            Value(r, sigma * abs(r), ""),
            sheet_conductance_S=g,
            sheet_conductance_sigma_S=0.03 * g,
        )
        for t, g, r in zip(T, conductances, ratio, strict=True)
    ]


def reference():
    platinum = replace(PT, n_sigma=0.1, k_sigma=0.2)
    cobalt = replace(CO, n_sigma=0.1, k_sigma=0.2)
    return Emitter(
        "Co/Pt",
        (Layer(cobalt, 2e-9), Layer(platinum, 4e-9)),
        3.69,
        3.42,
        sheet_conductance_S=0.022,
        sheet_conductance_sigma_S=0.0006,
    )


def truth_scale():
    """A Z of each sample over that of the reference, by hand."""
    out = []
    for one in [*samples(np.ones(3)), reference()]:
        absorbed = absorption(one.layers, PUMP_M, substrate_n=3.69).layers.sum()
        out.append(absorbed / (4.42 + 376.730313668 * one.sheet_conductance_S))
    return np.array(out[:-1]) / out[-1]


def test_a_constant_efficiency_is_recovered_from_signals_that_differ():
    signals = -0.8 * truth_scale()
    assert np.ptp(signals) > 0.3 * abs(signals.mean())
    found = efficiency(samples(signals), reference())
    np.testing.assert_allclose([eta.value for eta in found.eta], -0.8, rtol=1e-9)
    for eta, noise, share in zip(found.eta, found.signal_sigma, np.diag(found.covariance), strict=True):
        assert noise == pytest.approx(0.008)
        assert eta.sigma == pytest.approx(np.hypot(noise, 0.8 * np.sqrt(share)))


def planted(emitters, ref, rng):
    """What the analysis is told: every input off by its own error, materials by one error each."""
    error = {}

    def told(material):
        if material.name not in error:
            error[material.name] = rng.normal(size=2)
        dn, dk = error[material.name]
        return replace(material, n=material.n + dn * material.n_sigma, k=material.k + dk * material.k_sigma)

    out = []
    for one in [*emitters, ref]:
        layers = tuple(Layer(told(layer.material), layer.thickness_m) for layer in one.layers)
        conductance = one.sheet_conductance_S + rng.normal() * one.sheet_conductance_sigma_S
        ratio = one.ratio
        if one is not ref:
            ratio = Value(ratio.value + rng.normal() * ratio.sigma, ratio.sigma, "")
        out.append(replace(one, layers=layers, sheet_conductance_S=conductance, ratio=ratio))
    return out[:-1], out[-1]


@pytest.mark.parametrize("model", ["constant", "bulk"])
def test_planted_errors_stay_within_sigma_and_the_model_is_told(model):
    shape = np.ones(3) if model == "constant" else bulk_shape(T, 8e-9)
    signals = -0.8 * truth_scale() * shape
    pulls, fits = [], []
    for seed in range(200):
        told, ref = planted(samples(signals, 0.01), reference(), np.random.default_rng(seed))
        found = efficiency(told, ref)
        pulls.append([(eta.value + 0.8 * s) / eta.sigma for eta, s in zip(found.eta, shape, strict=True)])
        fits.append(compare_thickness(T, np.array([e.value for e in found.eta]), found.signal_sigma, found.covariance))
    # 200 draws: 68 % +- 3.3 %.
    share = np.mean(np.abs(pulls) < 1, axis=0)
    assert ((share > 0.58) & (share < 0.78)).all(), share
    assert all(fit.preferred == model for fit in fits)
    if model == "constant":
        assert all(fit.delta_chi2 > 25 for fit in fits)
        assert np.mean([fit.chi2_constant for fit in fits]) == pytest.approx(2, abs=0.5)
        assert np.mean([fit.length_m.value is None for fit in fits]) > 0.85
    else:
        lengths = [fit.length_m for fit in fits]
        assert all(length.value is not None for length in lengths)
        assert np.mean([abs(length.value - 8e-9) < 1e-9 for length in lengths]) > 0.9
        inside = np.mean([abs(length.value - 8e-9) < length.sigma for length in lengths])
        assert 0.58 < inside < 0.80


def test_errors_common_to_all_do_not_make_a_constant_look_curved():
    fit = compare_thickness(T, np.full(3, 0.8), np.full(3, 0.008), SHARED)
    assert fit.chi2_constant == pytest.approx(0, abs=1e-9)
    assert fit.constant.sigma == pytest.approx(np.hypot(0.008 / 3**0.5, 0.8 * 0.03), rel=0.01)


@pytest.mark.parametrize(("length_nm", "expected"), [(8, [0.0469, 0.1679, 0.7003]), (2.3, [0.394, 0.775, 0.997])])
def test_the_bulk_shape_is_as_tabulated(length_nm, expected):
    np.testing.assert_allclose(bulk_shape(T, length_nm * 1e-9), expected, atol=5e-4)
    assert bulk_shape(1e-11, 8e-9) == pytest.approx(1e-22 / (2 * 64e-18), rel=1e-5)


def test_too_much_noise_leaves_the_models_undecided():
    fit = compare_thickness(T, np.array([0.5, 0.9, 0.7]), np.full(3, 0.4))
    assert fit.preferred == "undecided"
    assert any("undecided" in flag for flag in fit.flags)
    assert fit.length_m.value is None


def test_neither_model_is_said_to_fit_what_falls_with_thickness():
    fit = compare_thickness(T, np.array([1.0, 0.5, 0.1]), np.full(3, 0.01))
    assert any("neither" in flag for flag in fit.flags)


@pytest.mark.parametrize("t", [np.full(3, 1e-9), np.array([1e-9])])
def test_one_thickness_is_not_enough(t):
    with pytest.raises(FitError, match="thickness"):
        compare_thickness(t, np.ones(len(t)), np.full(len(t), 0.1))


def test_a_sample_without_signal_has_no_efficiency():
    spacer = replace(samples(np.ones(3))[0], ratio=Value(None, None, ""))
    found = efficiency([spacer], reference())
    assert found.eta[0].value is None
    assert "signal is not" in found.flags[0]


def test_what_is_not_known_is_flagged_or_refused():
    bare = replace(reference(), sheet_conductance_S=None)
    assert any("no conductance" in flag for flag in efficiency([reference()], bare).flags)
    with pytest.raises(FitError, match="absorbs nothing"):
        efficiency([replace(reference(), name="glass", layers=(Layer(Material("g", 1.5), 1e-8),))], reference())


def test_conductance_comes_from_the_layers_where_none_was_measured():
    layers = (Layer(replace(CO, conductivity_S_m=3e6), 2e-9), Layer(replace(PT, conductivity_S_m=4e6), 4e-9))
    of_layers = replace(reference(), layers=layers, sheet_conductance_S=None)
    measured = replace(of_layers, sheet_conductance_S=0.022)
    assert efficiency([of_layers], measured).eta[0].value == pytest.approx(1)
