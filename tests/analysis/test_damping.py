"""Spin pumping and the linewidth under a direct current, against the virtual lab's physics and by hand."""

import numpy as np
import pytest

from sotlab.analysis.damping import fit_dc_bias, spin_pumping
from sotlab.analysis.spin_orbit_efficiency import Geometry
from sotlab.analysis.values import Value
from sotlab.errors import FitError
from sotlab.simulated.physics.sample import Rectifier

from .stfmr_labs import the_sample


def exact(value, unit=""):
    return Value(value, 0.0, unit)


def geometry(side=1, **changes):
    known = {
        "current": exact(1.0), "sheet_resistance": exact(157.4 / 7), "width": exact(7e-6), "mu0_ms": exact(0.95),
        "fm_thickness": exact(6e-9), "nm_side": side, "nm_resistivity": exact(2.5e-7),
    }  # fmt: skip
    return Geometry(**(known | changes))


def lines(sample, angle=45.0):
    """Return current, sign, width of the virtual lab's lines, and the resonance field."""
    rows = []
    for current in np.linspace(-1e-3, 1e-3, 5):
        for sign in (1, -1):
            line = Rectifier(sample, 7e9, 2e-3, current).line(angle + (180 if sign < 0 else 0))
            rows.append((current, sign, line.width_T, line.field_res_T))
    current, sign, width, field = np.array(rows).T
    return current, sign, width, exact(float(np.mean(field)), "T")


def reduced(sample, side=1, noise=None, angle=45.0, sigma=1e-6, **more):
    current, sign, width, field = lines(sample, angle=angle)
    width = width if noise is None else width + noise
    return fit_dc_bias(
        current, sign, width, np.full(len(width), sigma), frequency_Hz=7e9, field_res=field,
        mu0_meff=exact(0.85, "T"), angle=exact(np.radians(angle)), geometry=geometry(side, **more), g=2.1,
    )  # fmt: skip


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("angle", [45.0, 90.0, -45.0])
def test_the_direct_current_s_efficiency_is_that_of_the_sample_with_its_sign(side, angle):
    fit = reduced(the_sample(nm_side=side), side, angle=angle)
    assert fit.results["xi_dl_E"].value == pytest.approx(3.2e5, rel=2e-3)
    assert fit.results["xi_dl_j"].value == pytest.approx(0.08, rel=2e-3)
    if angle > 0:
        assert np.sign(fit.results["width_per_current"].value) == side


def test_its_sigmas_hold_and_every_input_is_in_the_budget():
    sample, rng = the_sample(), np.random.default_rng(0)
    current, sign, width, field = lines(sample)
    pulls = []
    for _ in range(400):
        known = geometry(mu0_ms=Value(rng.normal(0.95, 0.02), 0.02, "T"))
        fit = fit_dc_bias(
            current, sign, width + rng.normal(0, 2e-6, len(width)), np.full(len(width), 2e-6), frequency_Hz=7e9,
            field_res=field, mu0_meff=exact(0.85), angle=exact(np.pi / 4), geometry=known, g=2.1,
        )  # fmt: skip
        pulls.append((fit.results["xi_dl_E"].value - 3.2e5) / fit.results["xi_dl_E"].sigma)
    # 400 pulls: coverage 0.683 +- 0.023, deviation 1 +- 0.035.
    assert np.mean(np.abs(pulls) < 1) == pytest.approx(0.683, abs=0.08)
    assert np.std(pulls) == pytest.approx(1, abs=0.12)
    assert set(fit.budget) == {"slope", "mu0_ms"}


def test_a_gaussmeter_s_scale_is_in_the_sigma_of_all_that_it_reads():
    sample, rng = the_sample(), np.random.default_rng(0)
    current, sign, width, field = lines(sample)
    by_scale = -(0.85 + 2 * field.value)  # of mu0_meff = (f/gamma)^2/B0 - B0 at one frequency
    pulls = {"xi_dl_E": [], "width_per_current": []}
    true = reduced(sample).results
    for _ in range(400):
        error = rng.normal(0.0, 0.02)
        fit = fit_dc_bias(
            current, sign, (1 + error) * width, np.full(len(width), 1e-9), frequency_Hz=7e9,
            field_res=exact(field.value * (1 + error), "T"), mu0_meff=exact(0.85 + by_scale * error),
            angle=exact(np.pi / 4), geometry=geometry(), g=2.1, field_scale_sigma=0.02, by_scale=(by_scale, 0.0),
        )  # fmt: skip
        for name, each in pulls.items():
            each.append((fit.results[name].value - true[name].value) / fit.results[name].sigma)
    # 400 pulls: deviation 1 +- 0.035. Most of the scale cancels in xi: B0 and M_eff err in opposite directions.
    assert np.std(pulls["width_per_current"]) == pytest.approx(1, abs=0.12)
    assert np.std(pulls["xi_dl_E"]) == pytest.approx(1, abs=0.12)
    assert fit.budget["field_scale"] > 0


def test_what_is_even_in_the_field_is_left_out_and_said():
    current, *_ = lines(the_sample())
    fit = reduced(the_sample(), noise=2e-2 * current)
    assert fit.results["xi_dl_E"].value == pytest.approx(3.2e5, rel=2e-3)
    assert any("does not change sign with the field" in flag for flag in fit.flags)


def test_what_gives_no_slope_is_refused():
    sample = the_sample()
    with pytest.raises(FitError, match="at 0 deg"):
        reduced(sample, angle=0.0)
    with pytest.raises(FitError, match="both signs"):
        fit_dc_bias([1e-3] * 6, [1, -1] * 3, [5e-3] * 6, [1e-6] * 6, frequency_Hz=7e9, field_res=exact(0.06),
                    mu0_meff=exact(0.85), angle=exact(0.8), geometry=geometry())  # fmt: skip
    assert reduced(sample, nm_resistivity=None).results["xi_dl_j"].value is None


def test_spin_pumping_by_hand():
    # Pt on 6 nm of NiFe: 0.006 more, 0.95 T: g = 4 pi M_s t 0.006/(g mu_B) = 1.76e19 1/m^2; Re G = e^2/h of it.
    found = spin_pumping(Value(0.013, 2e-4, ""), Value(0.007, 1e-4, ""), Value(0.95, 0.02, "T"), exact(6e-9, "m"), 2.1)
    assert found.results["g_eff"].value == pytest.approx(1.756e19, rel=2e-3)
    assert found.results["re_g_eff"].value == pytest.approx(1.756e19 * 3.874046e-5, rel=2e-3)
    relative = np.hypot(np.hypot(2e-4, 1e-4) / 0.006, 0.02 / 0.95)
    assert found.results["re_g_eff"].sigma / found.results["re_g_eff"].value == pytest.approx(relative, rel=1e-6)
    assert list(found.budget) == ["alpha", "mu0_ms", "alpha_reference"]


def test_the_seed_s_interface_is_a_bound_only():
    # Re G = 0.023e13 makes 2e-6 of damping in 6 nm of NiFe: no measurement of alpha sees that.
    found = spin_pumping(Value(0.0100, 1e-4, ""), Value(0.0100, 1e-4, ""), exact(0.95, "T"), exact(6e-9, "m"), 2.1)
    assert found.results["re_g_eff"].value is None
    assert found.upper_re_g_eff > 0.023e13
    assert any("below" in flag for flag in found.flags)
    with pytest.raises(FitError, match="mu0_ms is None"):
        spin_pumping(exact(0.01), exact(0.01), Value(None, None, "T"), exact(6e-9, "m"))
