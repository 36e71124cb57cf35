"""The shipped ST-FMR samples: what the papers print, recomputed here."""

from math import cosh, pi, tanh

import pytest

from sotlab.errors import StationError
from sotlab.simulated.benches.bench import read_sample
from sotlab.simulated.benches.stfmr import load_sample
from sotlab.simulated.physics.sample import Sample

THICKNESSES_NM = (6, 8, 10, 13, 16, 20, 26, 35, 50, 70)
GRADED = [f"hibino_{kind}_{t}nm.yaml" for kind in "ab" for t in range(4)]
REFERENCES = [f"hibino_reference_{t}nm.yaml" for t in (1, 2, 3)]
SERIES = [f"nife_bisb_{t}nm.yaml" for t in THICKNESSES_NM]


def oersted_efficiency(sample):
    """Return (2e/hbar) mu0 M_s t_F H_Oe/E with H_Oe = j t/2 and j = E/rho [1/(ohm m)]."""
    field_T_per_V_m = 4e-7 * pi * sample.nm_thickness_m / 2 / sample.nm_resistivity_ohm_m
    return (
        2
        * 1.602176634e-19
        / 1.054571817e-34
        * sample.mu0_ms_T
        / (4e-7 * pi)
        * sample.fm_thickness_m
        * (field_T_per_V_m)
    )


@pytest.mark.parametrize("name", [*SERIES, *GRADED, *REFERENCES, "pt_nife_reference.yaml"])
def test_every_sample_is_read_and_rectifies(name):
    sample = load_sample(name)
    assert read_sample(name)["name"] == name.removesuffix(".yaml")
    line = sample.line(7e9, 2e-3, 45.0)
    assert 0.02 < line.field_res_T < 0.1
    assert abs(line.v_asym_V) > 1e-8
    assert sample.strip().most_A > 5e-3


@pytest.mark.parametrize("t_nm", THICKNESSES_NM)
def test_bisb_efficiencies_are_those_of_drift_and_diffusion_with_the_printed_values(t_nm):
    sigma, length_m, rho, re_g, im_g = 3.68e5, 24.8e-9, 350.3e-8, 0.023e13, 0.133e13
    t = t_nm * 1e-9
    a, b, x = 2 * length_m * rho * re_g, 2 * length_m * rho * im_g, tanh(t / length_m)
    spins = sigma * (1 - 1 / cosh(t / length_m)) / ((a + x) ** 2 + b**2)
    sample = load_sample(f"nife_bisb_{t_nm}nm.yaml")
    assert sample.xi_dl_E == pytest.approx(spins * (a * (a + x) + b**2), rel=6e-4)
    assert sample.xi_fl_E == pytest.approx(-spins * b * x, rel=6e-4)
    assert sample.nm_thickness_m == pytest.approx(t)


def test_bisb_series_is_one_nife_film_beside_a_growing_one():
    alone = []
    for t_nm in THICKNESSES_NM:
        sample = load_sample(f"nife_bisb_{t_nm}nm.yaml")
        beside_ohm = sample.nm_resistivity_ohm_m * sample.length_m / (sample.width_m * sample.nm_thickness_m)
        alone.append(1 / (1 / sample.resistance_ohm - 1 / beside_ohm))
    assert alone == pytest.approx([341.8] * len(alone), rel=1e-3)


def test_oersted_field_at_26_nm_is_what_the_physics_sheet_says():
    assert oersted_efficiency(load_sample("nife_bisb_26nm.yaml")) == pytest.approx(6.4e4, rel=0.01)


@pytest.mark.parametrize(
    ("kind", "damping_like", "field_like_and_oersted", "rho_ohm_m", "xi_j"),
    [("a", 32_700, 38_600, 67.3e-8, 0.022), ("b", -46_800, -3_500, 53.4e-8, -0.025)],
)
def test_graded_films_of_3_nm_have_the_printed_efficiencies(
    kind, damping_like, field_like_and_oersted, rho_ohm_m, xi_j
):
    sample = load_sample(f"hibino_{kind}_3nm.yaml")
    assert sample.xi_dl_E == pytest.approx(damping_like, rel=1e-3)
    assert sample.xi_fl_E + oersted_efficiency(sample) == pytest.approx(field_like_and_oersted, abs=20)
    assert sample.xi_dl_E * rho_ohm_m == pytest.approx(xi_j, rel=0.01)


def test_reversed_gradient_turns_the_gradients_torque_and_leaves_that_of_the_layer_below():
    for t in range(4):
        a, b = load_sample(f"hibino_a_{t}nm.yaml"), load_sample(f"hibino_b_{t}nm.yaml")
        assert (a.xi_dl_E - b.xi_dl_E) / 2 == pytest.approx(39_750, rel=1e-3)
        shared = load_sample(f"hibino_reference_{t}nm.yaml").xi_dl_E if t else 0.0
        assert (a.xi_dl_E + b.xi_dl_E) / 2 == pytest.approx(shared, abs=30)
    assert load_sample("hibino_reference_3nm.yaml").xi_dl_E == pytest.approx(-7_050, rel=1e-3)


def test_platinum_below_nife_is_the_anchor_of_the_signs():
    sample = load_sample("pt_nife_reference.yaml")
    assert sample.xi_dl_E > 0
    assert 0.06 <= sample.xi_dl_E * sample.nm_resistivity_ohm_m <= 0.10
    line = sample.line(7e9, 2e-3, 45.0)
    assert line.v_sym_V < 0  # -(I dR/2) sin(2 phi) cos(phi) B_DL ...
    assert line.v_asym_V < 0


def minimal(**changes):
    values = read_sample("nife_bisb_10nm.yaml") | changes
    return Sample.from_mapping(values, "test")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"heating_K_per_W": -1}, "heating_K_per_W is -1, it must be 0 or above"),
        ({"most_A_per_m2": 1e12}, "would run away thermally"),
        ({"xi_dl_z_E": "inf"}, "xi_dl_z_E is inf, it must be finite"),
        ({"anisotropy": 1e-3}, "unknown key 'anisotropy'"),
    ],
)
def test_impossible_values_are_refused_in_one_line(changes, told):
    with pytest.raises(StationError, match=told) as caught:
        minimal(**changes)
    assert "\n" not in str(caught.value)


def test_signs_that_may_be_negative_are_taken():
    sample = minimal(xi_dl_x_E=-1.0, phase_deg=-3.0, coefficient_per_K=-1e-3, easy_axis_deg=-20)
    assert sample.phase_deg == -3.0
