"""Statistics of harmonic Hall: 400 labs of each geometry, and the rates at which mistakes are named.

The labs are those of `hall_labs.py`, in process; benchmarks/harmonic_hall_labs.py has more of them, and 20 of each over
the whole wire. With 400 labs the mean of a perfect program's pulls scatters by 0.05, their standard deviation by 0.035
and the part within one sigma by 0.023: the bounds are three times that.
"""

import numpy as np
import pytest

from sotlab.instruments.station import Station
from sotlab.procedures.harmonic_hall_angle_scan import HarmonicHallAngleScan
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.run import Run

from .hall_labs import MISTAKES, Cross, flagged, in_plane, low_field, out_of_plane, pulls, rate

COTB, NIFE = Cross("cotb_bisb_10nm.yaml"), Cross("nife_bisb_hall.yaml")
LABS = 400
NAMES = {
    "out-of-plane": ("r_a", "b_dl", "b_fl", "r_ane", "r_one", "xi_dl_E", "xi_fl_E"),
    "in-plane": ("r_p", "b_dl", "b_fl", "r_ane", "r_one", "xi_dl_E", "xi_fl_E"),
    "low-field": ("b_k", "b_dl", "b_fl", "xi_dl_E", "xi_dl_j"),
}


@pytest.fixture(scope="module")
def crosses():
    return {
        "out-of-plane": out_of_plane(COTB, np.linspace(1.2, 3.9, 3), 20),
        "in-plane": in_plane(NIFE, np.geomspace(0.1, 3, 5), 18),
        "low-field": low_field(COTB, 0.1, 25),
    }


@pytest.mark.parametrize("geometry", NAMES)
def test_sigmas_of_400_labs_hold(crosses, geometry):
    found = pulls(crosses[geometry], LABS, NAMES[geometry])
    told = {name: (pull.mean(), pull.std(ddof=1), np.mean(np.abs(pull) < 1)) for name, pull in found.items()}
    for name, (mean, deviation, covered) in told.items():
        assert abs(mean) < 0.15, (name, told[name])
        assert 0.89 < deviation < 1.11, (name, told[name])
        assert 0.613 < covered < 0.753, (name, told[name])


def test_without_noise_the_bench_gives_back_its_sample(crosses):
    """The formula sheet: 1e-3 in the plane, 5e-4 and 3e-3 out of it, 1.5 % at low field."""
    tolerances = {
        "out-of-plane": {"b_dl": 5e-4, "b_fl": 3e-3, "r_ane": 1e-3, "r_one": 1e-3},
        "in-plane": {"r_p": 1e-3, "b_dl": 1e-3, "b_fl": 1e-3, "r_ane": 1e-3, "r_one": 1e-3},
        "low-field": {"b_k": 1e-3, "b_dl": 1e-3, "b_fl": 1e-3},
    }
    for geometry, expected in tolerances.items():
        results, truth = crosses[geometry].clean().results, crosses[geometry].cross.truth()
        for name, tolerance in expected.items():
            assert results[name].value == pytest.approx(truth[name], rel=tolerance), (geometry, name)


def test_in_plane_and_out_of_plane_scans_of_one_sample_agree_on_the_nernst_effects(crosses):
    """Above B_K both geometries can be had of one film: the same values, with their signs, within their errors."""
    truth, count = COTB.truth(), 60
    flat = in_plane(COTB, np.linspace(1.2, 3.9, 5), 18)
    for name in ("r_ane", "r_one"):
        steep = [crosses["out-of-plane"].lab(seed).results[name] for seed in range(count)]
        even = [flat.lab(seed).results[name] for seed in range(count)]
        apart = np.array([(a.value - b.value) / np.hypot(a.sigma, b.sigma) for a, b in zip(steep, even, strict=True)])
        # 60 differences: their mean scatters by 0.13, their deviation by 0.09.
        assert abs(apart.mean()) < 0.4
        assert abs(apart.std(ddof=1) - 1) < 0.28
        for found in (steep, even):
            mean = np.mean([value.value for value in found])
            error = np.mean([value.sigma for value in found]) / np.sqrt(count)
            assert abs(mean - truth[name]) < 4 * error
            assert mean > 4 * error  # and so is its sign


@pytest.mark.parametrize("geometry", ["out-of-plane", "in-plane"])
def test_each_mistake_is_named_and_none_where_there_is_none(crosses, geometry):
    """In 40 labs a rate of 95 % shows 34 or more in 99.8 % of all cases, one of 5 % at most 6 in 99.4 %."""
    measured = crosses[geometry]
    clean = flagged(measured, 40)
    for word, mistaken in MISTAKES.items():
        assert rate(flagged(mistaken(measured), 40), word) >= 34 / 40, word
        assert rate(clean, word) <= 6 / 40, word


def test_an_ordinary_nernst_effect_that_is_left_out_is_noticed(crosses):
    semimetal, word = crosses["in-plane"], "r_one: left out, but"
    biased = []
    for seed in range(60):
        reduction = semimetal.lab(seed, left_out=("r_one",))
        b_dl = reduction.results["b_dl"]
        if abs(b_dl.value - semimetal.cross.truth()["b_dl"]) > 3 * b_dl.sigma:
            biased.append(any(flag.startswith(word) for flag in reduction.flags))
    assert len(biased) > 50
    assert np.mean(biased) >= 0.88  # 60 labs of a rate of 95 %, less 2.5 of its deviations
    metal = semimetal.again(one_ohm_per_A_T=0.0)
    assert rate(flagged(metal, 60, left_out=("r_one",)), word) <= 0.13  # likewise, of 5 %


def test_the_labs_are_those_of_the_bench(tmp_path):
    """Over the wire the readings are those of the labs, and scatter by their noise."""
    spec = "virtual:harmonic_hall?seed=0"
    scan = HarmonicHallAngleScan(station=spec, field="2 T", amplitude="2 mA", points=40, start="5 deg", stop="356 deg")
    with Station.open(spec, scan.ROLES) as bench:
        scan.use(bench)
        with Run(scan, tmp_path, "film") as run:
            run.wait()
        run.raise_error()
    rows = read_run(run.folder.path).rows
    phasors_V = COTB.phasors(rows["Field Set (T)"], rows["Angle (deg)"], 0 * rows["Angle (deg)"])
    left = np.array([rows["X 2w (V)"], rows["Y 2w (V)"]]) - np.array([phasors_V[1].real, phasors_V[1].imag])
    # 80 readings: their deviation scatters by 8 %. The stage's repeatability and the field's noise add some percent.
    assert np.std(left) == pytest.approx(COTB.noise_V, rel=0.35)
    assert rows["X 1w (V)"].to_numpy() == pytest.approx(phasors_V[0].real, rel=1e-3, abs=2e-6)
