"""The tight-binding slab: published and independently computed numbers, symmetries, refusals.

The energies are those of an implementation of its own, which agreed to 4e-14 eV with pythtb and tbmodels.
"""

import numpy as np
import pytest

from sotlab.analysis.models.bisb_parameters import BI, SB, Rashba, alloy
from sotlab.analysis.models.bisb_slab import Slab, bands, k_path, make_slab
from sotlab.analysis.models.slater_koster import onsite, sp3_hopping
from sotlab.errors import UsageError

SLAB = make_slab(0.15, 13)
GAMMA_M = SLAB.material.gamma_m_A
RNG_K = np.random.default_rng(0).uniform(-0.9, 0.9, (5, 2))


@pytest.mark.parametrize(
    ("k_A", "lower_eV", "upper_eV", "digits"),
    [
        ((0.0, 0.0), -0.087195759574, -0.087195051334, 12),
        ((GAMMA_M, 0.0), -0.230694740512, 0.183242359534, 12),
        ((0.3 * GAMMA_M, 0.0), 0.093017494883, 0.197462308666, 12),
        ((0.0, 0.279356663077), -0.020172129936, 0.350917, 5),
    ],
)
def test_the_states_128_and_130_of_13_bilayers(k_A, lower_eV, upper_eV, digits):
    found = bands(SLAB, np.array([k_A]))[0]
    assert found[128] == pytest.approx(lower_eV, abs=0.51 * 10.0**-digits + 1e-12)
    assert found[130] == pytest.approx(upper_eV, abs=0.51 * 10.0**-digits + 1e-12)


def test_gamma_m_is_as_long_as_printed():
    assert pytest.approx(0.806, abs=5e-4) == GAMMA_M


@pytest.mark.parametrize("rule", ["teo", "linear"])
def test_the_end_points_of_the_alloy_are_the_elements(rule):
    for x, element in ((0.0, BI), (1.0, SB)):
        mixed = alloy(x, rule)
        assert mixed.first_eV == pytest.approx(element.first_eV, rel=1e-15)
        assert (mixed.a_A, mixed.e_s_eV, mixed.soc_eV) == pytest.approx((element.a_A, element.e_s_eV, element.soc_eV))


def test_the_printed_rule_is_not_linear_for_the_hoppings_only():
    printed, linear = alloy(0.2), alloy(0.2, "linear")
    assert printed.first_eV[2] == pytest.approx(0.96 * BI.first_eV[2] + 0.2 * SB.first_eV[2])
    assert linear.first_eV[2] == pytest.approx(0.80 * BI.first_eV[2] + 0.2 * SB.first_eV[2])
    assert printed.e_p_eV == linear.e_p_eV
    assert printed.a_A == linear.a_A


@pytest.mark.parametrize("direction", ["ij", "ji"])
def test_the_hamiltonian_is_hermitian_and_every_band_twofold(direction):
    slab = Slab(alloy(0.21), 4, Rashba(direction=direction))
    matrices = slab.hamiltonian(RNG_K)
    assert np.abs(matrices - matrices.conj().swapaxes(1, 2)).max() < 1e-14
    found = np.linalg.eigvalsh(matrices)
    assert np.abs(found[:, ::2] - found[:, 1::2]).max() < 1e-12


def test_bands_have_the_threefold_axis_the_mirror_and_time_reversal():
    slab = make_slab(0.15, 3)
    turn = 2 * np.pi / 3
    turned = RNG_K @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    found = bands(slab, RNG_K)
    for others in (turned, RNG_K * [1, -1], -RNG_K):
        assert np.abs(bands(slab, others) - found).max() < 1e-12


def test_a_surface_term_of_the_same_sign_at_both_ends_would_split_the_bands():
    slab = make_slab(0.15, 3)
    matrices = slab.hamiltonian(RNG_K)
    blocks = slab.blocks(RNG_K)
    matrices[:, :8, :8] = blocks.top
    found = np.linalg.eigvalsh(matrices)
    assert np.abs(found[:, ::2] - found[:, 1::2]).max() > 1e-3


def test_blocks_have_the_derivative_that_differences_give():
    step = 1e-5
    for axis in (0, 1):
        shift = step * np.eye(2)[axis]
        for exact, above, below in zip(
            SLAB.blocks(RNG_K, derivative=axis), SLAB.blocks(RNG_K + shift), SLAB.blocks(RNG_K - shift), strict=True
        ):
            assert np.abs((above - below) / (2 * step) - exact).max() < 1e-8


def test_hopping_turns_with_the_bond():
    bond = np.array([0.3, -1.2, 0.7])
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    frame = np.eye(4)
    frame[1:, 1:] = turn
    turned = sp3_hopping(turn @ bond, BI.first_eV)
    assert np.abs(turned - frame @ sp3_hopping(bond, BI.first_eV) @ frame.T).max() < 1e-13


def test_spin_orbit_coupling_splits_p_by_lambda():
    energies = np.linalg.eigvalsh(onsite(-10.0, 0.0, 1.5))
    assert energies == pytest.approx([-10, -10, -1.0, -1.0, 0.5, 0.5, 0.5, 0.5])  # -2/3 and +1/3 of lambda


def test_the_surface_states_live_in_two_bilayers():
    _, vectors = np.linalg.eigh(SLAB.hamiltonian(np.array([[0.06, 0.0]])))
    shares = (np.abs(vectors[0].reshape(13, 16, -1)) ** 2).sum(axis=1)
    pairs = (shares + shares[::-1])[:, ::2]  # one of each pair at each surface: both counted from their own
    assert pairs[:3, 65] == pytest.approx([0.94, 0.05, 0.01], abs=0.006)
    assert pairs[:3, 64] == pytest.approx([0.81, 0.15, 0.03], abs=0.006)


def test_a_path_goes_through_its_points_once():
    k, distance = k_path(BI, "M'-G-K-M", 11)
    assert len(k) == 31
    assert k[10] == pytest.approx([0, 0])
    assert k[20] == pytest.approx([BI.gamma_m_A, BI.gamma_m_A / np.sqrt(3)])
    assert (np.diff(distance) > 0).all()


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: make_slab(1.2, 13), "x: 1.2 asked"),
        (lambda: make_slab(float("nan"), 13), "x: nan asked"),
        (lambda: make_slab(0.1, 0), "bilayers: 0 asked"),
        (lambda: make_slab(0.1, 2.5), "bilayers: 2.5 asked"),
        (lambda: alloy(0.1, "cubic"), "'cubic' asked, there are teo and linear"),
        (lambda: bands(SLAB, np.zeros((0, 2))), "at least one row"),
        (lambda: bands(SLAB, np.array([[np.nan, 0.0]])), "finite"),
        (lambda: k_path(BI, "G-X", 10), "'G-X'"),
    ],
)
def test_bad_input_is_one_line(call, named):
    with pytest.raises(UsageError) as error:
        call()
    assert named in str(error.value)
    assert "\n" not in str(error.value)
