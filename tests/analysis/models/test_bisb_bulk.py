"""The bulk that the slab is cut from: published gaps, parities, and where the alloy changes its kind."""

from dataclasses import replace
from itertools import combinations_with_replacement, product

import numpy as np
import pytest

from sotlab.analysis.models.bisb_parameters import BI, BiSb, Rashba, alloy
from sotlab.analysis.models.bisb_slab import Slab
from sotlab.analysis.models.slater_koster import both_spins

G, L, X, T = (0.0, 0.0, 0.0), (0.0, 0.0, np.pi), (0.0, np.pi, np.pi), (np.pi, np.pi, np.pi)
FILLED = 10  # of the 16 states of a cell: five electrons for each of two atoms
TOP, BOTTOM = FILLED - 2, FILLED  # of the valence and of the conduction bands, which are twofold


def bulk_cells(material: BiSb, phases) -> np.ndarray:
    """Hamiltonians (K, 16, 16) of the bulk, lower then upper plane, from the blocks that slabs are made of.

    ``phases`` (K, 3) are k.a_i. The three vectors' mean is c/3 along the axis: the phase from one bilayer to the next.
    """
    phases = np.atleast_2d(phases)
    along = phases.mean(axis=1)
    k = np.linalg.lstsq(material.triangle_A, (phases - along[:, None]).T, rcond=None)[0].T
    blocks = Slab(material, 2, Rashba(0, 0, 0)).blocks(k)
    back = both_spins(blocks.inter).conj().swapaxes(1, 2) * np.exp(-1j * along)[:, None, None]
    hop = both_spins(blocks.intra) + back
    cells = np.zeros((len(k), 16, 16), complex)
    cells[:, :8, :8] = cells[:, 8:, 8:] = blocks.bulk
    cells[:, :8, 8:], cells[:, 8:, :8] = hop, hop.conj().swapaxes(1, 2)
    return cells


def bulk_energies(material: BiSb, phases) -> np.ndarray:
    return np.linalg.eigvalsh(bulk_cells(material, phases))


def whole_zone(divisions: int) -> np.ndarray:
    """Phases of a cubic grid over the zone: one of each set that the threefold axis, mirrors and inversion join."""
    steps = combinations_with_replacement(range(divisions), 3)
    unique = {min(each, tuple(sorted(-i % divisions for i in each))) for each in steps}
    return np.array(sorted(unique)) * 2 * np.pi / divisions


def gap_meV(material: BiSb, phases) -> float:
    """From the highest of the valence states to the lowest of the conduction states; below 0 they overlap."""
    found = bulk_energies(material, phases)
    return 1e3 * (found[:, BOTTOM].min() - found[:, TOP].max())


def test_the_bonds_have_the_lengths_of_bismuth():
    in_plane, d = BI.a_A / np.sqrt(3), 2 * BI.mu * BI.c_A
    assert np.hypot(in_plane, d - BI.c_A / 3) == pytest.approx(3.0629, abs=5e-5)  # in the bilayer
    assert np.hypot(in_plane, 2 * BI.c_A / 3 - d) == pytest.approx(3.5116, abs=5e-5)  # between bilayers
    assert pytest.approx(0.393e-9, abs=5e-13) == BI.bilayer_m


def test_the_reduced_grid_stands_for_the_whole():
    everywhere = np.array(list(product(range(6), repeat=3))) * 2 * np.pi / 6
    material = alloy(0.15)
    assert len(whole_zone(6)) < len(everywhere) / 5
    whole, reduced = bulk_energies(material, everywhere), bulk_energies(material, whole_zone(6))
    assert reduced.min(axis=0) == pytest.approx(whole.min(axis=0), abs=1e-12)
    assert reduced.max(axis=0) == pytest.approx(whole.max(axis=0), abs=1e-12)


@pytest.mark.parametrize(
    ("x", "l5", "l6", "t5", "t6"),
    [
        (0.0, -0.039445035, -0.027330411, 0.012028726, 0.381369650),
        (0.15, -0.076768238, 0.047627269, -0.112401140, 0.576344842),
        (1.0, -0.784778772, -0.090770129, -0.334375109, 0.732988225),
    ],
)
def test_the_pairs_at_l_and_t(x, l5, l6, t5, t6):
    found = bulk_energies(alloy(x), [L, T])[:, [TOP, BOTTOM]]
    assert found[0] == pytest.approx([l5, l6], abs=6e-10)
    assert found[1] == pytest.approx([t5, t6], abs=6e-10)


@pytest.mark.parametrize(
    ("mu", "gap", "overlap"),
    [(0.2341, (12.115, 6e-4), (39.359, 6e-4)), (0.23405, (13.84, 0.006), (36.9, 0.06))],
)
def test_bismuths_gap_at_l_hangs_on_the_rounding_of_mu(mu, gap, overlap):
    """Published are 13.7 meV, and some 38 meV for the overlap of T with L: 3.5 meV for each 1e-4 of mu."""
    at_l, at_t = bulk_energies(replace(BI, mu=mu), [L, T])
    assert 1e3 * (at_l[BOTTOM] - at_l[TOP]) == pytest.approx(gap[0], abs=gap[1])
    assert 1e3 * (at_t[TOP] - at_l[BOTTOM]) == pytest.approx(overlap[0], abs=overlap[1])


def test_antimony_has_its_published_overlap():
    assert -gap_meV(alloy(1.0), whole_zone(32)) == pytest.approx(170.6, abs=0.06)  # published: some 180


def parities(material: BiSb) -> dict[tuple[float, float, float], int]:
    """The product of the filled pairs' parities at each of the eight momenta that are their own inverse.

    Inversion about the middle between the two atoms that lie above each other exchanges them and turns p round; they
    belong to bilayers that follow each other, hence the phase.
    """
    points = list(product((0.0, np.pi), repeat=3))
    orbital = np.kron(np.eye(2), np.diag([1, -1, -1, -1]))
    found = {}
    for point, cell in zip(points, bulk_cells(material, points), strict=True):
        phase = np.exp(1j * np.mean(point))
        inversion = np.block([[0 * orbital, phase * orbital], [phase.conj() * orbital, 0 * orbital]])
        assert np.abs(inversion @ cell - cell @ inversion).max() < 1e-12
        filled = np.linalg.eigh(cell)[1][:, :FILLED]
        signs = np.linalg.eigvalsh(filled.conj().T @ inversion @ filled)
        assert np.abs(signs) == pytest.approx(1.0, abs=1e-9)
        found[point] = (-1) ** (np.count_nonzero(signs < 0) // 2)
    return found


@pytest.mark.parametrize(
    ("x", "signs", "indices"),
    [(0.0, {G: -1, L: -1, X: -1, T: -1}, "0;000"), (0.15, {G: -1, L: 1, X: -1, T: -1}, "1;111"),
     (1.0, {G: -1, L: 1, X: -1, T: -1}, "1;111")],
)  # fmt: skip
def test_bismuth_is_trivial_and_antimony_and_the_alloy_are_topological(x, signs, indices):
    """Fu and Kane's Z2 indices (nu0; nu1 nu2 nu3): Bi (0;000), Sb (1;111) as published."""
    found = parities(alloy(x))
    assert {point: found[point] for point in signs} == signs
    products = [list(found.values()), *([sign for k, sign in found.items() if k[axis]] for axis in range(3))]
    nu = ["01"[int(np.prod(each) < 0)] for each in products]
    assert f"{nu[0]};{''.join(nu[1:])}" == indices


@pytest.mark.parametrize(
    ("rule", "x", "what"),
    [
        ("teo", 0.038, lambda at_l, at_t: at_t[TOP] - at_l[BOTTOM]),  # the overlap closes: a semimetal no more
        ("teo", 0.081, lambda at_l, at_t: at_t[TOP] - at_l[TOP]),  # T sinks below L
        ("linear", 0.089, lambda at_l, at_t: at_t[TOP] - at_l[BOTTOM]),
    ],
)
def test_the_alloy_changes_where_it_is_known_to(rule, x, what):
    before, after = (what(*bulk_energies(alloy(each, rule), [L, T])) for each in (x - 5e-4, x + 5e-4))
    assert before > 0 > after


@pytest.mark.parametrize(("rule", "x"), [("teo", 0.014), ("linear", 0.022)])
def test_the_bands_at_l_change_places(rule, x):
    before, after = (parities(alloy(each, rule))[L] for each in (x - 5e-4, x + 5e-4))
    assert (before, after) == (-1, 1)


def test_t_never_sinks_below_l_if_the_rule_is_linear():
    for x in np.linspace(0.0, 0.4, 41):
        at_l, at_t = bulk_energies(alloy(x, "linear"), [L, T])
        assert at_t[TOP] > at_l[TOP]


@pytest.mark.parametrize(
    ("rule", "gaps_meV"),
    [
        ("teo", {0.07: 44.6, 0.10: 67, 0.15: 55.5, 0.21: 32, 0.30: 9}),  # the paper: some 40 meV at x = 0.07
        ("linear", {0.07: -11.5, 0.10: 6.5, 0.15: 38, 0.21: 13.5, 0.30: -27}),
    ],
)
def test_only_the_printed_rule_has_the_papers_gap(rule, gaps_meV):
    zone = whole_zone(32)
    for x, gap in gaps_meV.items():
        assert gap_meV(alloy(x, rule), zone) == pytest.approx(gap, abs=0.5 if isinstance(gap, int) else 0.06)
    if rule == "teo":
        assert gap_meV(alloy(0.40), zone) < 0
