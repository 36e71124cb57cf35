"""The graded ferromagnet: closed form, conservation, the seven cases, what the paper's statements hang on."""

from dataclasses import replace

import numpy as np
import pytest

from sotlab.analysis.models.graded_torque import (
    GYROMAGNETIC_RATIO,
    HBAR_OVER_2E,
    GradedLayer,
    SpinSink,
    graded_torque,
    hibino_case,
)
from sotlab.errors import UsageError


@pytest.mark.parametrize(
    ("case", "dl", "fl"),
    [
        ("I", 670.314489, 493.405319),
        ("II-A", -4234.160758, 3052.103243),
        ("II-B", 5737.511682, -2025.802192),
        ("III-A", 962.704764, 561.621745),
        ("III-B", 377.924213, 425.188893),
        ("IV-A", 643.736135, 438.032662),
        ("IV-B", 672.046958, 534.344639),
    ],
)
def test_the_cases(case, dl, fl):
    total = graded_torque(hibino_case(case)).total
    assert total.real == pytest.approx(dl, abs=2e-6)
    assert total.imag == pytest.approx(fl, abs=2e-6)


@pytest.mark.parametrize(
    ("closure", "a", "b"),
    [("fixed", 644, 672), ("consistent", 779, 579), ("accumulation", 4873, -3530), ("scaled", -3622, 5141)],
)
def test_case_iv_is_decided_by_the_closure(closure, a, b):
    found = [graded_torque(hibino_case(case), closure=closure).total.real for case in ("IV-A", "IV-B")]
    assert found == pytest.approx([a, b], abs=0.5)


def test_a_gradient_of_magnetisation_reverses_the_torque_and_one_of_the_spin_hall_angle_does_not():
    a, b = (graded_torque(hibino_case(case)).total.real for case in ("II-A", "II-B"))
    assert a < 0 < b
    assert b > -a
    # The experiment in this unit, its global sign a convention: xi * hbar gamma / (2 e) / (mean M_s * slab).
    per_xi = 10 * GYROMAGNETIC_RATIO * HBAR_OVER_2E / (0.845e6 * 5e-9)
    assert 32700 * per_xi == pytest.approx(4485, rel=1e-3)
    assert -a == pytest.approx(32700 * per_xi, rel=0.12)
    assert b == pytest.approx(46800 * per_xi, rel=0.12)
    a3, b3 = (graded_torque(hibino_case(case)).total.real for case in ("III-A", "III-B"))
    assert min(a3, b3) > 0
    assert (b - a) / abs(b3 - a3) == pytest.approx(17, abs=0.5)


def test_the_accumulation_is_nearly_symmetric_unless_theta_or_rho_have_a_gradient():
    """Seed 003, Fig. 4b-d: cases I, II-A and II-B alike and nearly symmetric about the middle, III-A and IV-A not."""
    found = {case: graded_torque(hibino_case(case)).accumulation_m for case in ("I", "II-A", "II-B", "III-A", "IV-A")}
    assert np.array_equal(found["II-A"], found["I"])
    assert np.array_equal(found["II-B"], found["I"])
    uneven = {case: np.abs(mu + mu[::-1]).max() / np.abs(mu).max() for case, mu in found.items()}
    assert uneven["II-A"] < 0.1
    assert uneven["III-A"] > 0.5
    assert uneven["IV-A"] > 0.2


def test_a_gradient_of_theta_beside_that_of_the_magnetisation_changes_little():
    both = replace(hibino_case("II-A"), spin_hall_angle=hibino_case("III-A").spin_hall_angle)
    for layer, case in ((both, "II-A"), (both.turned(), "II-B")):
        alone = graded_torque(hibino_case(case)).total.real
        assert graded_torque(layer).total.real == pytest.approx(alone, rel=0.05)


def test_only_the_scaled_closure_says_what_the_paper_says_of_case_iv():
    for closure in ("fixed", "consistent", "accumulation", "scaled"):
        a4, b4 = (graded_torque(hibino_case(case), closure=closure).total.real for case in ("IV-A", "IV-B"))
        a2, b2 = (graded_torque(hibino_case(case), closure=closure).total.real for case in ("II-A", "II-B"))
        as_printed = a4 * b4 < 0 and a4 * a2 > 0 and abs(a4) < abs(a2) and abs(b4) < abs(b2)
        assert as_printed == (closure == "scaled")


def test_a_macrospin_does_not_feel_the_gradient_of_magnetisation():
    case_i = graded_torque(hibino_case("I")).total
    for case in ("II-A", "II-B"):
        assert graded_torque(hibino_case(case), average="macrospin").total == pytest.approx(case_i, rel=1e-12)


def test_a_perfect_sink_destroys_the_reversal():
    found = [graded_torque(hibino_case(case), sink_conductance=np.inf).total.real for case in ("II-A", "II-B")]
    assert found == pytest.approx([6909, 11912], abs=0.5)
    nearly = graded_torque(hibino_case("II-A"), sink_conductance=1e25).total
    assert nearly.real == pytest.approx(found[0], rel=1e-6)


def test_a_longer_precession_length_weakens_it():
    layers = [replace(hibino_case(case), precession_m=2e-9) for case in ("II-A", "II-B")]
    assert [graded_torque(layer).total.real for layer in layers] == pytest.approx([-390, 3159], abs=0.5)


@pytest.mark.parametrize(("points", "error"), [(200, 1.7e-5), (1000, 7e-7), (5000, 3e-8)])
def test_a_uniform_closed_layer_has_the_closed_form(points, error):
    layer = GradedLayer()
    solved = graded_torque(layer, sink_conductance=0.0, points=points)
    q = np.sqrt(1 / layer.spin_flip_m**2 + 1 / layer.dephasing_m**2 - 1j / layer.precession_m**2)
    length, theta = layer.thickness_m, layer.spin_hall_angle[0]
    exact = 2 * theta * np.sinh(q * (solved.z_m - length / 2)) / (q * np.cosh(q * length / 2))
    assert np.abs(solved.accumulation_m - exact).max() < error * np.abs(exact).max()


@pytest.mark.parametrize("case", ["I", "II-A", "III-B", "IV-A"])
@pytest.mark.parametrize("conductance", [None, 0.0, np.inf, 1e13])
def test_without_spin_flips_the_torques_sum_to_the_current_through_the_interface(case, conductance):
    """The "fixed" closure is conservative: int torque dz = J(0) - J(L) = J(0) if lambda_sf is infinite."""
    layer = replace(hibino_case(case), spin_flip_m=np.inf)
    solved = graded_torque(layer, sink_conductance=conductance)
    total = solved.torque_density.mean() * layer.thickness_m
    scale = np.abs(solved.torque_density).mean() * layer.thickness_m
    assert abs(total - solved.interface_current) < 1e-10 * scale
    if conductance == 0.0:
        assert solved.interface_current == 0


@pytest.mark.parametrize("closure", ["accumulation", "scaled"])
def test_the_closures_that_reverse_case_iv_do_not_conserve(closure):
    layer = replace(hibino_case("IV-A"), spin_flip_m=np.inf)
    solved = graded_torque(layer, sink_conductance=0.0, closure=closure)
    total = solved.torque_density.mean() * layer.thickness_m
    assert abs(total) > 0.01 * np.abs(solved.torque_density).mean() * layer.thickness_m


def test_turning_a_closed_layer_over_turns_the_torque_round():
    a, b = (graded_torque(hibino_case(case), sink_conductance=0.0).total for case in ("II-A", "II-B"))
    assert a == pytest.approx(-b, rel=1e-9)
    assert abs(a.real) > 4000  # the torque remains without a buffer layer, as measured


def test_finer_cells_change_nothing_that_matters():
    coarse, fine = (graded_torque(hibino_case("II-A"), points=n).total for n in (1000, 8000))
    assert coarse.real == pytest.approx(fine.real, rel=3e-6)


def test_the_sink_is_that_of_3_nm_of_ta_b():
    assert SpinSink().conductance == pytest.approx(1.60671263346e14, rel=1e-11)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: hibino_case("V"), "'V' asked"),
        (lambda: hibino_case("I-A"), "'I-A' asked"),
        (lambda: graded_torque(GradedLayer(), closure="none"), "closure: 'none'"),
        (lambda: graded_torque(GradedLayer(), average="mean"), "average: 'mean'"),
        (lambda: graded_torque(GradedLayer(), points=0), "points: 0"),
        (lambda: graded_torque(GradedLayer(), points=1001), "a multiple of the 10 slabs"),
        (lambda: graded_torque(GradedLayer(), sink_conductance=-1.0), "sink conductance: -1"),
        (lambda: graded_torque(replace(GradedLayer(), thickness_m=0.0)), "thickness_m: 0 m"),
        (lambda: graded_torque(replace(GradedLayer(), resistivity_ohm_m=(1e-7, np.nan))), "resistivity_ohm_m"),
        (lambda: graded_torque(replace(GradedLayer(), spin_hall_angle=(np.nan, 0.0))), "spin Hall angle"),
    ],
)
def test_bad_input_is_one_line(call, named):
    with pytest.raises(UsageError) as error:
        call()
    assert named in str(error.value)
