"""What the demonstration recovers, against what the simulated sample is: bench, VISA, procedure, file, analysis.

Fifty labs, seeds 0 to 49, each with its own noise and its own error of the gaussmeter's zero, all over the whole wire;
``SOTLAB_LABS=400`` asks for more. A pull is (value - truth)/sigma. With N labs the mean of a perfect program's pulls
scatters by 1/sqrt(N) and their standard deviation by 1/sqrt(2 N); the bounds are three and two times that. The four
values of a spectrum are pooled over the seven frequencies. The sample's magnetisation and geometry, which the
efficiencies need, are the same in all labs: the efficiencies' sigmas are tested in ``tests/analysis/test_torques.py``.
"""

import os
from collections import defaultdict

import numpy as np
import pytest

from sotlab.cli import add_truth
from sotlab.procedures.demo import run_demo

#: A loaded machine takes minutes for a hundred labs.
pytestmark = pytest.mark.timeout(1500)

LABS = int(os.environ.get("SOTLAB_LABS", "50"))
SEEDS = range(LABS)
PER_SPECTRUM = ("v_sym", "v_asym", "field_res", "width")
OVER_FREQUENCY = ("mu0_meff", "alpha", "width_0")
#: Their sigmas contain that of the current, which is the largest of all frequencies and taken for common: too large.
CAUTIOUS = ("current_rf", "b_dl", "b_fl")


def follow(run):
    run.start()
    run.wait()


@pytest.fixture(scope="module")
def labs(tmp_path_factory):
    out = tmp_path_factory.mktemp("labs")
    return [run_demo(f"virtual:stfmr?seed={seed}", out, follow, add_truth=add_truth).outcome.json for seed in SEEDS]


@pytest.fixture(scope="module")
def pulls(labs):
    collected = defaultdict(list)
    for lab in labs:
        for name in (*OVER_FREQUENCY, *CAUTIOUS):
            collected[name].append(lab["results"][name]["pull"])
        for spectrum in lab["spectra"]:
            for name in PER_SPECTRUM:
                collected[name].append(spectrum[name]["pull"])
    return collected


@pytest.mark.slow
@pytest.mark.xdist_group("closed loop")
@pytest.mark.parametrize("name", [*OVER_FREQUENCY, *PER_SPECTRUM])
def test_pulls_are_those_of_honest_uncertainties(pulls, name):
    pull = np.array(pulls[name], dtype=float)
    assert len(pull) == len(SEEDS) * (7 if name in PER_SPECTRUM else 1)
    assert abs(pull.mean()) < 3.0 / np.sqrt(LABS)
    assert abs(pull.std(ddof=1) - 1.0) < 2.0 / np.sqrt(2.0 * LABS)


@pytest.mark.slow
@pytest.mark.xdist_group("closed loop")
@pytest.mark.parametrize("name", CAUTIOUS)
def test_torques_are_no_less_certain_than_they_say(pulls, name):
    pull = np.array(pulls[name], dtype=float)
    assert len(pull) == len(SEEDS)
    assert np.sqrt(np.mean(pull**2)) < 1.0 + 2.0 / np.sqrt(2.0 * LABS)


@pytest.mark.slow
@pytest.mark.xdist_group("closed loop")
def test_every_lab_says_that_it_is_simulated_and_finds_every_line(labs):
    for lab in labs:
        assert lab["simulated"] is True
        assert all(spectrum["field_res"]["value"] is not None for spectrum in lab["spectra"])


@pytest.mark.slow
@pytest.mark.xdist_group("closed loop")
def test_false_alarms_are_as_rare_as_stated(labs):
    """The warning that sigmas do not explain the scatter is given at 1 % for each of two fits; 6 sigma are allowed."""
    alarms = sum("scatter" in flag for lab in labs for flag in lab["flags"])
    assert alarms <= 0.02 * LABS + 6.0 * np.sqrt(0.02 * LABS)
