"""How often one sigma of the ST-FMR analysis covers the truth, for every value, under white and correlated noise.

Each laboratory has its own microwave level, gaussmeter and rotator, and is told of the strip what is true and a draw of
the stated sigma. To reach, for each value: coverage 0.64-0.72, mean pull within 0.15, standard deviation 0.9-1.1.

Run from the project's root: ``python benchmarks/stfmr_coverage.py [LABS [KIND]]``; 2000 laboratories take some ten
minutes. KIND is series, angles or magnetoresistance: only that.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.analysis.stfmr_coverage import NOISES, angles, magnetoresistance, series

LABS = 2000
COVERAGE, MEAN, DEVIATION = (0.64, 0.72), 0.15, (0.9, 1.1)


KINDS = (series, angles, magnetoresistance)


def main(labs: int = LABS, only: str = "") -> int:
    missed = 0
    print(f"{labs} laboratories, seeds 0 to {labs - 1}; coverage scatters by {np.sqrt(0.68 * 0.32 / labs):.3f}")
    for measured in (kind for kind in KINDS if only in ("", kind.__name__)):
        for noise, rho in NOISES.items():
            print(f"\n{measured.__name__}, {noise} noise{'value':>18}{'pulls':>8}{'mean':>8}{'std':>7}{'coverage':>10}")
            for name, pull in measured(labs, rho).items():
                covered, mean, std = np.mean(np.abs(pull) < 1), pull.mean(), pull.std(ddof=1)
                good = COVERAGE[0] < covered < COVERAGE[1] and abs(mean) < MEAN and DEVIATION[0] < std < DEVIATION[1]
                missed += not good
                print(f"{name:>40}{len(pull):>8}{mean:>+8.2f}{std:>7.2f}{covered:>10.3f}{'' if good else '  MISSED'}")
    print(f"\n{'reached' if not missed else f'MISSED: {missed} values'}")
    return int(missed > 0)


if __name__ == "__main__":
    raise SystemExit(main(*(int(one) if one.isdigit() else one for one in sys.argv[1:])))
