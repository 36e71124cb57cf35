"""From ST-FMR lines to torques: against the LLG equation, signs, budgets; coverage is in test_stfmr_coverage.py."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.constants import e, hbar, mu_0

from sotlab.analysis.stfmr import STFMR, Spectrum, STFMRSettings
from sotlab.analysis.values import Value

from . import llg
from .stfmr_labs import CURRENT_A, exactly, spectra, the_sample, told

FREQUENCIES = (5e9, 7e9, 9e9)
#: The film of the LLG integration: strongly damped, so that it settles soon.
FILM = {"mu0_meff_T": 0.85, "alpha": 0.025, "current_A": 2e-3, "delta_resistance": 0.8}
TORQUES = {"b_dl_y": 1e-4, "b_dl_x": 3e-5, "b_dl_z": -2e-5, "b_fl_y": -4e-5, "b_fl_x": 1e-5, "b_fl_z": 2.5e-5}


POINTS = 33


def integrated(sweeps, **torques):
    """Return spectra of (frequency, angle, sign) from the LLG equation."""
    wanted = []
    for f, _, sign in sweeps:
        b0 = -FILM["mu0_meff_T"] / 2 + np.hypot(FILM["mu0_meff_T"] / 2, f / (2 * 13.996244936e9))
        width = FILM["alpha"] * f / (2 * 13.996244936e9)
        wanted.append(sign * np.linspace(b0 - 6 * width, b0 + 6 * width, POINTS))
    field = np.concatenate(wanted)
    angle, f = (np.repeat([sweep[k] for sweep in sweeps], POINTS) for k in (1, 0))
    like = {kind: [torques.get(f"b_{kind}_{axis}", 0.0) for axis in "xyz"] for kind in ("fl", "dl")}
    voltage = llg.rectified(field, np.radians(angle), f, field_like=like["fl"], damping_like=like["dl"], **FILM)
    return [
        Spectrum(b, v, f, angle_deg=a, name=f"{f:g} {a:g} {s:+d}")
        for (f, a, s), b, v in zip(sweeps, wanted, voltage.reshape(-1, POINTS), strict=True)
    ]


@pytest.fixture(scope="module")
def tilted():
    sweeps = [(12e9, a + 2.0, sign) for a in (20.0, 45.0, 70.0, 150.0) for sign in (1, -1)]
    told_deg = [(f, a - 2.0, sign) for f, a, sign in sweeps]  # the rotator's zero is off by 2 deg
    measured = integrated(sweeps, **TORQUES)
    return [replace(one, angle_deg=a) for one, (_, a, _) in zip(measured, told_deg, strict=True)]


def reduced(sweeps, **settings):
    known = {"current": Value(2e-3, 0, "A"), "current_convention": "peak", "delta_resistance": Value(0.8, 0, "ohm")}
    return STFMR().reduce(sweeps, STFMRSettings(**(known | settings)))


def test_the_llg_equation_s_torques_come_back(tilted):
    # One frequency, so that M_eff and the width are what this line says: alpha enters nowhere.
    result = reduced(tilted)
    for name, truth in TORQUES.items():
        assert result.results[name].value == pytest.approx(truth, abs=1e-3 * 1e-4), name
    assert np.degrees(result.results["angle_offset"].value) == pytest.approx(2.0, abs=0.05)
    weights = {name: model["weight"] for name, model in result.details["models"].items()}
    assert weights["xyz"] > 0.99
    assert result.to_json()["details"]["models"]["xyz"]["b_fl_z"]["value"] == pytest.approx(2.5e-5, abs=1e-7)


def test_both_signs_at_one_angle_tell_y_from_z_and_say_that_x_is_not_told(tilted):
    pair = [one for one in tilted if one.angle_deg == 45.0]
    result = reduced(pair, angle_sigma=0.0)
    # At 47 deg, taken for 45: the y component found is that of y - x tan(47 deg), and sin 2phi cos phi off by 3.5 %.
    c, s = np.cos(np.radians(47)), np.sin(np.radians(47))
    ratio = np.sin(np.radians(94)) / np.cos(np.radians(45))
    assert result.results["b_dl_y"].value == pytest.approx(ratio * (1e-4 * c - 3e-5 * s), rel=2e-3)
    assert result.results["b_dl_z"].value == pytest.approx(np.sin(np.radians(94)) * -2e-5, rel=5e-3)
    assert result.results["b_dl_x"].value is None
    assert any(flag.startswith("b_dl_x, b_fl_x: not determined") for flag in result.flags)
    assert any(flag.startswith("v_sym: a part") and "b_fl_z" in flag for flag in result.flags)


def clean(sample, angles=(45.0,), frequencies=FREQUENCIES):
    return [
        Spectrum(b, v, f, angle_deg=a, name=f"{f:g}")
        for f, a, b, v in zip(*spectra(sample, frequencies, angles), strict=True)
    ]


def test_pt_below_nife_is_positive_and_the_reversed_stack_has_the_opposite_field_and_the_same_efficiency():
    below = STFMR().reduce(clean(the_sample()), exactly()).results
    above = STFMR().reduce(clean(the_sample(nm_side=-1)), exactly(nm_side=-1)).results
    assert below["xi_dl_E"].value == pytest.approx(3.2e5, rel=1e-6)
    assert below["b_dl"].value > 0
    for name in ("b_dl", "b_fl", "b_oe"):
        assert above[name].value == pytest.approx(-below[name].value, rel=1e-6)
    for name in ("xi_dl_E", "xi_fl_E", "xi_dl_j", "xi_fl_j", "xi_fmr"):
        assert above[name].value == pytest.approx(below[name].value, rel=1e-6)


def test_the_ratio_method_agrees_without_a_field_like_torque_and_is_flagged_with_one():
    plain = STFMR().reduce(clean(the_sample(xi_fl_E=0.0)), exactly({"rho": 1e-9}))
    assert plain.results["xi_fmr"].value == pytest.approx(0.08, rel=1e-5)
    assert not any(flag.startswith("xi_fmr") for flag in plain.flags)
    # Pai et al.: 1/xi_FMR = (1/xi_DL) [1 + (hbar/e) xi_FL/(mu0 M_s t_F d)].
    both = STFMR().reduce(clean(the_sample()), exactly({"rho": 1e-9}))
    bias = 1 + hbar / e * 3e4 * 2.5e-7 / (0.95 * 6e-9 * 6e-9)
    assert both.results["xi_fmr"].value == pytest.approx(0.08 / bias, rel=1e-5)
    assert any(flag.startswith("xi_fmr, xi_dl_j: the ratio method gives") for flag in both.flags)


def test_rms_and_peak_currents_say_the_same_and_length_series_replace_the_sheet_resistance():
    sweeps = clean(the_sample())
    peak = STFMR().reduce(sweeps, exactly())
    rms = STFMR().reduce(sweeps, exactly(current=CURRENT_A / np.sqrt(2), current_convention="rms"))
    length = STFMR().reduce(
        sweeps, exactly(sheet_resistance=None, strip_width=None, resistance_per_length=157.4 / 49e-6)
    )
    for other in (rms, length):
        assert other.results["xi_dl_E"].value == pytest.approx(peak.results["xi_dl_E"].value, rel=1e-9)
    assert rms.to_json()["spectra"][0]["current_rf"] == pytest.approx(CURRENT_A)


def test_currents_that_differ_from_spectrum_to_spectrum_are_each_taken_at_its_own():
    sample = the_sample()
    sweeps = []
    for f, factor in zip(FREQUENCIES, (0.5, 1.0, 2.0), strict=True):
        sweeps += [replace(one, voltage_V=one.voltage_V * factor**2, current_A=CURRENT_A * factor)
                   for one in clean(sample, frequencies=(f,))]  # fmt: skip
    result = STFMR().reduce(sweeps, exactly(current=None)).results
    assert result["xi_dl_E"].value == pytest.approx(3.2e5, rel=1e-6)
    truth = sample.torques(CURRENT_A * 3.5 / 3)
    assert result["b_dl"].value == pytest.approx(truth.damping_like_T, rel=1e-6)


def test_each_input_stands_in_the_budget_with_its_derivative():
    result = STFMR().reduce(clean(the_sample()), told(np.random.default_rng(0)))
    xi, parts = result.results["xi_dl_E"], result.details["budget"]["xi_dl_E"]
    # The current counts twice, all else once.
    relative = {name: part / xi.value for name, part in parts.items()}
    settings = result.settings
    for name, power in (("current", 2), ("delta_resistance", 1), ("mu0_ms", 1), ("fm_thickness", 1),
                        ("strip_width", 1), ("sheet_resistance", 1)):  # fmt: skip
        own = settings[name]["sigma"] / settings[name]["value"]
        assert relative[name] == pytest.approx(power * own, rel=0.01), name
    assert next(iter(parts)) == "current"
    assert np.hypot.reduce(list(parts.values())) == pytest.approx(xi.sigma, rel=1e-6)
    assert result.details["budget"]["b_dl"]["current"] / result.results["b_dl"].value == pytest.approx(
        settings["current"]["sigma"] / settings["current"]["value"], rel=0.01
    )


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({"delta_resistance": None}, "delta_resistance"),
        ({"current_convention": None}, "peak or rms"),
        ({"current": None}, "current is needed"),
    ],
)
def test_what_is_missing_is_named_and_the_rest_still_comes_out(missing, said):
    result = STFMR().reduce(clean(the_sample()), exactly(**missing))
    assert result.results["b_dl"].value is None
    assert any("not determined" in flag and said in flag for flag in result.flags)
    assert result.results["mu0_meff"].value == pytest.approx(0.85, rel=1e-6)


def test_without_the_layers_there_are_fields_but_no_efficiencies():
    result = STFMR().reduce(clean(the_sample()), exactly(mu0_ms=None))
    assert result.results["b_dl"].value == pytest.approx(the_sample().torques(CURRENT_A).damping_like_T, rel=1e-6)
    assert result.results["xi_dl_E"].value is None
    assert any("mu0_ms" in flag for flag in result.flags)
    no_layer = STFMR().reduce(clean(the_sample()), exactly(rho=None))
    assert no_layer.results["xi_dl_E"].value == pytest.approx(3.2e5, rel=1e-6)
    assert no_layer.results["xi_fl_E"].value is None


def test_an_angle_without_a_signal_is_refused():
    sweeps = [replace(one, angle_deg=90.0) for one in clean(the_sample())]
    result = STFMR().reduce(sweeps, exactly())
    assert result.results["b_dl"].value is None
    assert any("90" in flag and "45 deg" in flag for flag in result.flags)


def test_different_powers_need_a_current_each_or_a_power_at_which_it_holds():
    sample = the_sample()
    low, high = clean(sample)[:2]
    pair = [replace(low, power_dBm=10.0), replace(high, power_dBm=16.0, voltage_V=high.voltage_V * 10**0.6)]
    assert STFMR().reduce(pair, exactly()).results["b_dl"].value is None
    right = STFMR().reduce(pair, exactly(current_power=10.0)).results
    assert right["xi_dl_E"].value == pytest.approx(3.2e5, rel=1e-6)


@pytest.mark.parametrize(
    "wrong", [{"nm_side": 0}, {"nm_side": 2}, {"current": 0.0}, {"rho": -1.0}, {"current_convention": "p2p"}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        exactly(**wrong)
    with pytest.raises(ValueError, match="mu0_ms"):
        exactly({"mu0_ms": -1.0})


def test_a_uniform_error_of_the_current_is_twice_as_large_in_the_efficiency():
    # 0.5 dB of level is 12 % in xi: the sheet's number.
    right = STFMR().reduce(clean(the_sample()), exactly()).results["xi_dl_E"].value
    wrong = STFMR().reduce(clean(the_sample()), exactly(current=CURRENT_A * 10 ** (0.5 / 20))).results["xi_dl_E"].value
    assert right / wrong == pytest.approx(1.122, rel=1e-3)


def test_the_oersted_field_is_half_of_mu0_times_the_current_per_width():
    result = STFMR().reduce(clean(the_sample()), exactly()).results
    density = CURRENT_A * 157.4 / 49e-6 / 2.5e-7
    assert result["b_oe"].value == pytest.approx(mu_0 * density * 6e-9 / 2, rel=1e-9)
