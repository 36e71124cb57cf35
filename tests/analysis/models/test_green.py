"""The Green function's density of states: against direct inversion and the eigenstates, symmetries, the paper's map."""

from importlib.util import find_spec

import numpy as np
import pytest

from sotlab.analysis.models.bisb_parameters import Rashba
from sotlab.analysis.models.bisb_slab import bands, make_slab
from sotlab.analysis.models.chunks import Work
from sotlab.analysis.models.green import spin_dos, spin_dos_map
from sotlab.analysis.models.slater_koster import PAULI
from sotlab.errors import UsageError

SLAB = make_slab(0.15, 13)
GAMMA_M = SLAB.material.gamma_m_A
KERNELS = ["numpy", "numba"] if find_spec("numba") else ["numpy"]
K = np.random.default_rng(0).uniform(-0.9, 0.9, (6, 2))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    ("k_A", "wanted"),
    [
        ((0.3 * GAMMA_M, 0.0), (0.2530335238287, 0, -0.1086100446542, 0)),
        ((-0.3 * GAMMA_M, 0.0), (0.2530335238287, 0, 0.1086100446542, 0)),
        ((0.1 * GAMMA_M, 0.0), (1.246309896236, 0, -0.7201300080, 0)),
        ((0.0, 0.2), (0.5554424644861, -0.007153138920, 0, 0.0806984157898)),
    ],
)
def test_the_surface_bilayer_of_13(k_A, wanted, kernel):
    found = spin_dos(SLAB, np.array([k_A]), [0.0], 0.01, kernel=kernel)[0, 0]
    assert found == pytest.approx(wanted, abs=6e-11)
    assert found[0] == pytest.approx(wanted[0], abs=6e-13)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("bilayer", [1, 2, 4])
def test_the_recursion_is_the_inverse(bilayer, kernel):
    slab = make_slab(0.3, 4)
    energies = np.array([-0.2, 0.05])
    found = spin_dos(slab, K, energies, 0.02, bilayer, kernel)
    for at, energy in enumerate(energies):
        full = np.linalg.inv((energy + 0.02j) * np.eye(slab.size) - slab.hamiltonian(K))
        start = 16 * (slab.bilayers - bilayer)
        own = full[:, start : start + 16, start : start + 16]
        for spin, matrix in enumerate((np.eye(2), *PAULI)):
            operator = np.kron(np.eye(2), np.kron(matrix, np.eye(4)))  # plane, spin, orbital
            wanted = -np.trace(operator @ own, axis1=1, axis2=2).imag / np.pi
            assert np.abs(found[:, at, spin] - wanted).max() < 2e-12


def test_one_bilayer_is_both_surfaces():
    slab = make_slab(0.15, 1)
    total = spin_dos(slab, K, [0.0], 0.05, kernel="numpy")[:, 0]
    lines = 0.05 / np.pi / (bands(slab, K) ** 2 + 0.05**2)
    assert total[:, 0] == pytest.approx(lines.sum(axis=1), rel=1e-10)
    assert np.abs(total[:, 1:]).max() < 1e-12  # the two surfaces' spins cancel


def test_all_bilayers_together_have_the_density_of_the_bands():
    slab = make_slab(0.15, 3)
    total = sum(spin_dos(slab, K, [0.1], 0.02, bilayer, "numpy") for bilayer in (1, 2, 3))[:, 0]
    lines = 0.02 / np.pi / ((bands(slab, K) - 0.1) ** 2 + 0.02**2)
    assert total[:, 0] == pytest.approx(lines.sum(axis=1), rel=1e-10)
    assert np.abs(total[:, 1:]).max() < 1e-11


def test_spin_turns_with_the_wave_vector():
    found, reversed_, mirrored = (spin_dos(SLAB, k, [0.05], 0.01)[:, 0] for k in (K, -K, K * [1, -1]))
    assert reversed_ * [1, -1, -1, -1] == pytest.approx(found, abs=1e-9)  # time reversal
    assert mirrored * [1, -1, 1, -1] == pytest.approx(found, abs=1e-9)  # the mirror y -> -y turns s_x and s_z round
    turn = 2 * np.pi / 3
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    turned = spin_dos(SLAB, K @ matrix.T, [0.05], 0.01)[:, 0]
    assert turned[:, [0, 3]] == pytest.approx(found[:, [0, 3]], abs=1e-9)
    assert turned[:, 1:3] == pytest.approx(found[:, 1:3] @ matrix.T, abs=1e-9)


def test_three_pockets_with_the_papers_spins_lie_along_gamma_m():
    """Seed 002, Fig. 1c-e: P1 positive, P2 negative, P3 positive at k_x > 0, x = 0.15, 5 nm, at the neutral level."""
    k_x = np.linspace(0.03, 0.7, 671)
    dos = spin_dos(SLAB, np.stack([k_x, 0 * k_x], axis=1), [0.0827], 0.002)[:, 0]
    peaks = [i for i in range(1, len(k_x) - 1) if dos[i, 0] > max(dos[i - 1, 0], dos[i + 1, 0], 1.0)]
    at, polarisation = k_x[peaks], (dos[:, 2] / dos[:, 0])[peaks]
    first, second, third = (at < 0.1), (at > 0.1) & (at < 0.3), (at > 0.3)
    assert first.any()
    assert np.ptp(at[second]) == pytest.approx(0.145, abs=0.015)  # its two crossings, 0.115 and 0.260
    assert np.ptp(at[third]) == pytest.approx(0.27, abs=0.015)  # 0.350 and 0.620
    assert (polarisation[first] > 0.4).all()
    assert (polarisation[second] < -0.65).all()
    assert (polarisation[third] > 0.45).all()


def test_the_other_sign_of_gamma_pp_does_not_give_that_texture():
    other = make_slab(0.15, 13, Rashba(direction="ji"))
    k_x = np.linspace(0.03, 0.7, 135)
    dos = spin_dos(other, np.stack([k_x, 0 * k_x], axis=1), [0.0827], 0.01)[:, 0]
    strong = dos[:, 0] > 0.3 * dos[:, 0].max()
    signs = np.sign((dos[:, 2] / dos[:, 0])[strong])
    changes = signs[np.concatenate([[True], np.diff(signs) != 0])]
    assert list(changes) != [1, -1, 1]


def test_without_surface_terms_there_is_the_pair_of_surface_states_but_no_third_pocket():
    bare = make_slab(0.15, 13, Rashba(0, 0, 0))
    neutral = 0.0159  # on a wedge of 16 divisions
    k_x = np.linspace(0.03, 0.7, 336)
    dos = spin_dos(bare, np.stack([k_x, 0 * k_x], axis=1), [neutral], 0.002)[:, 0]
    peaks = [i for i in range(1, len(k_x) - 1) if dos[i, 0] > max(dos[i - 1, 0], dos[i + 1, 0], 1.0)]
    strong = [(k, p) for k, p in zip(k_x[peaks], (dos[:, 2] / dos[:, 0])[peaks], strict=True) if abs(p) > 0.4]
    assert len(strong) == 2
    assert [np.sign(p) for _, p in strong] == [-1, 1]
    assert max(k for k, _ in strong) < 0.3  # where P3 begins with them


def test_a_map_is_laid_out_by_energy_then_quantity_then_ky_kx():
    k_x, k_y = np.linspace(-0.3, 0.3, 4), np.linspace(-0.2, 0.5, 3)
    found = spin_dos_map(SLAB, k_x, k_y, [0.0, 0.1], 0.02)
    assert found.shape == (2, 4, 3, 4)
    one = spin_dos(SLAB, np.array([[k_x[2], k_y[1]]]), [0.0, 0.1], 0.02)[0]
    assert found[:, :, 1, 2] == pytest.approx(one, abs=1e-12)


def test_progress_is_told_and_cancelling_ends_it():
    from concurrent.futures import CancelledError, ThreadPoolExecutor

    told = []
    slab, k = make_slab(0.1, 1), np.zeros((5000, 2))
    with ThreadPoolExecutor(2) as pool:
        spin_dos(slab, k, [0.0], 0.1, work=Work(pool, lambda done, of: told.append((done, of))))
        assert told == [(i, 5) for i in range(1, 6)]
        with pytest.raises(CancelledError):
            spin_dos(slab, k, [0.0], 0.1, work=Work(pool, None, lambda: len(told) > 4))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"k_A": np.zeros((0, 2))}, "empty grid"),
        ({"energies_eV": []}, "empty grid"),
        ({"k_A": np.array([[np.inf, 0]])}, "finite"),
        ({"energies_eV": [np.nan]}, "finite"),
        ({"broadening_eV": 0.0}, "broadening: 0 eV"),
        ({"kernel": "fortran"}, "kernel: 'fortran' asked"),
        ({"bilayer": 14}, "bilayer: 14 asked, the slab has 1 (top) to 13"),
    ],
)
def test_bad_input_is_one_line(change, named):
    given = {"k_A": np.zeros((1, 2)), "energies_eV": [0.0], "broadening_eV": 0.01} | change
    with pytest.raises(UsageError) as error:
        spin_dos(SLAB, **given)
    assert named in str(error.value)
