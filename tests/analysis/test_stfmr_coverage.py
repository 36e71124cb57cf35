"""How often one sigma of the ST-FMR analysis covers the truth, of every value, under white and correlated noise.

400 laboratories, seeds 0 to 399; ``SOTLAB_LABS=2000`` asks for more, and then the bounds are those that the analysis is
to keep: coverage 0.64-0.72, mean pull within 0.15, standard deviation of the pulls 0.9-1.1. With fewer laboratories a
perfect program's own scatter is wider than these: the bounds are then 3.5 of its standard deviations.
"""

import os

import numpy as np
import pytest

from . import stfmr_coverage
from .stfmr_coverage import NOISES

LABS = int(os.environ.get("SOTLAB_LABS", "400"))
#: Of lines, several to a laboratory, and of what is common to all of it.
LINES = {"v_sym", "v_asym", "field_res", "width"}
TORQUES = {"b_dl", "b_fl", "b_oe", "xi_dl_E", "xi_fl_E", "xi_dl_j", "xi_fl_j", "xi_fmr", "b_dl_per_j", "e_field"}
COMPONENTS = {f"b_{kind}_{axis}" for kind in ("dl", "fl") for axis in "xyz"}
EXPECTED = {
    "series": LINES | TORQUES | {"mu0_meff", "g", "alpha", "width_0", "current_rf"}
    | {name for name in COMPONENTS if not name.endswith("x")},
    "angles": LINES | TORQUES | COMPONENTS | {"mu0_meff", "g", "current_rf", "angle_offset"},
    "magnetoresistance": {"delta_resistance", "angle_offset"},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("measured", EXPECTED)
def test_one_sigma_covers_what_it_should(measured, noise):
    pulls = getattr(stfmr_coverage, measured)(LABS, NOISES[noise])
    assert set(pulls) == EXPECTED[measured]
    chance = 3.5 / np.sqrt(LABS)
    for name, pull in pulls.items():
        assert len(pull) >= LABS, name
        covered = np.mean(np.abs(pull) < 1)
        assert 0.683 - max(0.465 * chance, 0.043) < covered < 0.683 + max(0.465 * chance, 0.037), name
        assert abs(pull.mean()) < max(chance, 0.15), name
        assert abs(pull.std(ddof=1) - 1) < max(chance / np.sqrt(2), 0.1), name
