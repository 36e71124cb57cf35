"""The inverse Edelstein length over composition and thickness: table A4 of the formula sheet computed anew.

Compares each entry with the sheet's, to a unit of its last digit, on the sheet's grids of wave vectors: 48 divisions of
the wedge's sides (16 for 38 bilayers), which the test suite has no time for. The sheet's averages over +-0.2 eV too.

Run from the project's root: ``python benchmarks/edelstein_table.py``; takes two minutes on two cores. Exit status 1 if
an entry differs by more.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sotlab.analysis.models.bisb_slab import make_slab
from sotlab.analysis.models.chunks import Work
from sotlab.analysis.models.edelstein import SlabStates, slab_states, wedge

#: (x, bilayers): E_F [eV]; |Lambda| [nm] at E_F, 33 meV, over the density of the top half and of the whole slab; at
#: 10 and at 50 meV (top); at E_F - 0.5, - 0.2, + 0.2, + 0.5 eV (33 meV, top). As text, for the number of digits.
SHEET = {
    (0.21, 6): ".1536 .157 .079 .080 .182 .01 .23 .39 .04",
    (0.21, 13): ".1395 .420 .210 .405 .393 .09 .20 .45 .02",
    (0.21, 38): ".1317 .432 .216 .818 .314 .02 .09 .15 .01",
    (0.07, 13): ".0028 .324 .162 .360 .299 .07 .17 .37 .02",
    (0.15, 13): ".0827 .388 .194 .418 .360 .09 .18 .44 .01",
    (0.30, 13): ".2153 .448 .224 .443 .419 .08 .22 .43 .02",
}
COLUMNS = ("E_F", "top", "all", "10 meV", "50 meV", "-0.5", "-0.2", "+0.2", "+0.5 eV")
#: Averages over +-0.2 eV [nm], whole slab.
AVERAGES = {(0.21, 6): ".142", (0.21, 13): ".235", (0.21, 38): ".139"}


def row(states: SlabStates) -> list[float]:
    """Return the numbers of a row of the table, in its units."""
    fermi = states.fermi_eV

    def length_nm(broadening_eV: float, denominator: str = "top", at: tuple[float, ...] = (0.0,)) -> list[float]:
        lengths = states.length_m(fermi + np.array(at), broadening_eV, denominator=denominator)
        return [*np.abs(lengths) * 1e9]

    return [
        fermi,
        *length_nm(0.033),
        *length_nm(0.033, "all"),
        *length_nm(0.010),
        *length_nm(0.050),
        *length_nm(0.033, at=(-0.5, -0.2, 0.2, 0.5)),
    ]


def average(states: SlabStates) -> float:
    """Return the average over +-0.2 eV in steps of 5 meV [nm]."""
    energies = states.fermi_eV + np.linspace(-0.2, 0.2, 81)
    return float(np.abs(states.length_m(energies, 0.033)).mean() * 1e9)


def main() -> int:
    print("x     N " + "".join(f"{name:>9}" for name in (*COLUMNS, "average")))
    worst = 0.0
    with ThreadPoolExecutor() as pool:
        for (x, bilayers), text in SHEET.items():
            slab = make_slab(x, bilayers)
            states = slab_states(slab, wedge(slab, 48 if bilayers < 38 else 16), work=Work(pool))
            found, wanted = row(states), text.split()
            if (x, bilayers) in AVERAGES:
                found.append(average(states))
                wanted.append(AVERAGES[x, bilayers])
            units = [10.0 ** -len(each.removeprefix(".")) for each in wanted]
            off = [abs(a - float(b)) / unit for a, b, unit in zip(found, wanted, units, strict=True)]
            worst = max(worst, *off)
            print(f"{x:.2f} {bilayers:>2} " + "".join(f"{each:>9.4f}" for each in found), flush=True)
            print(
                "  sheet "
                + "".join(f"{each:>8}{'' if far <= 0.5 else '*':1}" for each, far in zip(wanted, off, strict=True))
            )
    print(f"*: rounds otherwise; the farthest is {worst:.2f} units of the sheet's last digit")
    return 0 if worst <= 1.0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
