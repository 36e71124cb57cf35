"""The acceptance table, shortened: benchmarks/thz_acceptance.py has all of it, with coverage over 400 seeds."""

import runpy
from pathlib import Path

import numpy as np
import pytest

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "thz_acceptance.py"
SEEDS = 3


@pytest.fixture(scope="module")
def table():
    made = runpy.run_path(str(BENCHMARK))
    found = made["Table"]()
    for seed in range(SEEDS):
        made["reduce_seed"](seed, found)
    return found


def test_every_value_is_within_its_sigma_of_the_truth(table):
    assert len(table.pulls) == 18
    for name, pulls in table.pulls.items():
        # Three draws of 18 values beyond 4.5 sigma: once in 3,000 runs of a perfect program.
        assert np.max(np.abs(pulls)) < 4.5, (name, pulls)


def test_interface_and_bulk_are_told_apart_and_controls_have_no_signal(table):
    for name, said in table.said.items():
        assert len(said) == SEEDS
        assert all(said), name
