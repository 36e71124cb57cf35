"""Efficiencies: the seed's numbers, signs, and the uncertainty of every input."""

import numpy as np
import pytest
from scipy.constants import e, hbar, mu_0

from sotlab.analysis.spin_orbit_efficiency import Geometry, oersted_field, torque_efficiencies
from sotlab.analysis.values import Value
from sotlab.errors import FitError

SAMPLE = {
    "current": (2e-3, 2e-5, "A"), "sheet_resistance": (170.7, 1.0, "ohm"), "width": (10e-6, 1e-7, "m"),
    "mu0_ms": (0.14, 0.003, "T"), "fm_thickness": (6e-9, 1e-10, "m"), "nm_resistivity": (3.503e-6, 3e-8, "ohm*m"),
    "nm_thickness": (10e-9, 2e-10, "m"),
}  # fmt: skip


def geometry(side=1, **changes):
    return Geometry(nm_side=side, **{name: Value(*value) for name, value in (SAMPLE | changes).items()})


def test_the_efficiency_is_that_of_the_formula_and_turns_with_the_stack():
    b_dl = Value(1e-3, 0.0, "T")
    field_V_per_m = 2e-3 * 170.7 / 10e-6
    expected = 2 * e / hbar * (0.14 / mu_0) * 6e-9 * 1e-3 / field_V_per_m
    below, above = (torque_efficiencies(b_dl, Value(0.0, 0.0, "T"), geometry(side)).results for side in (1, -1))
    assert below["xi_dl_E"].value == pytest.approx(expected, rel=1e-12)
    assert above["xi_dl_E"].value == pytest.approx(-expected, rel=1e-12)
    assert below["xi_dl_j"].value == pytest.approx(expected * 3.503e-6, rel=1e-12)
    density = field_V_per_m / 3.503e-6
    assert below["b_dl_per_j"].value == pytest.approx(1e-3 / density, rel=1e-12)


def test_the_oersted_field_of_the_seed_s_thickest_film_is_as_derived():
    # Seed 000 at 26 nm: xi_Oe^E = +6.4e4 /ohm/m with mu0*M_s = 0.95 T, 6 nm.
    sample = geometry(mu0_ms=(0.95, 0.0, "T"), nm_thickness=(26e-9, 0.0, "m"))
    oersted = oersted_field(sample)
    as_torque = torque_efficiencies(oersted, oersted, sample).results
    assert as_torque["xi_dl_E"].value == pytest.approx(6.4e4, rel=0.02)
    assert as_torque["xi_fl_E"].value == pytest.approx(0, abs=1e-6 * 6.4e4)


def test_sigma_holds_all_inputs():
    rng = np.random.default_rng(0)
    b_dl, b_fl = Value(1e-3, 2e-5, "T"), Value(-0.4e-3, 3e-5, "T")
    results = torque_efficiencies(b_dl, b_fl, geometry()).results
    drawn = []
    for _ in range(800):
        changes = {name: (rng.normal(v, s), s, u) for name, (v, s, u) in SAMPLE.items()}
        fields = [Value(rng.normal(b.value, b.sigma), 0.0, "T") for b in (b_dl, b_fl)]
        made = torque_efficiencies(*fields, geometry(**changes)).results
        drawn.append([made[name].value for name in ("xi_dl_E", "xi_fl_E", "xi_dl_j", "b_oe")])
    sigmas = [results[name].sigma for name in ("xi_dl_E", "xi_fl_E", "xi_dl_j", "b_oe")]
    np.testing.assert_allclose(np.std(drawn, axis=0), sigmas, rtol=0.1)


def test_what_is_missing_is_said():
    some = Geometry(nm_side=1, **{n: Value(*v) for n, v in SAMPLE.items() if not n.startswith("nm_")})
    result = torque_efficiencies(Value(1e-3, 0.0, "T"), Value(None, None, "T"), some)
    assert result.results["xi_dl_E"].value is not None
    assert result.results["xi_dl_j"].value is None
    assert len(result.flags) == 2
    with pytest.raises(FitError, match="nm_side is 0"):
        torque_efficiencies(Value(1e-3, 0.0, "T"), Value(0.0, 0.0, "T"), geometry(0))
    with pytest.raises(FitError, match="width is 0"):
        torque_efficiencies(Value(1e-3, 0.0, "T"), Value(0.0, 0.0, "T"), geometry(width=(0.0, 0.0, "m")))


def test_a_wide_hall_arm_s_factor_is_divided_out():
    factor = Value(0.8, 0.01, "")
    sample = Geometry(nm_side=1, field_factor=factor, **{n: Value(*v) for n, v in SAMPLE.items()})
    plain, corrected = (
        torque_efficiencies(Value(1e-3, 0, "T"), Value(0, 0, "T"), g).results["xi_dl_E"] for g in (geometry(), sample)
    )
    assert corrected.value == pytest.approx(plain.value / 0.8, rel=1e-12)
    assert corrected.sigma / corrected.value > plain.sigma / plain.value
