"""The work function of an alloy of two components."""

from __future__ import annotations

from sotlab.errors import UsageError

__all__ = ["WORK_FUNCTION_EV", "work_function"]

#: Of the elements in seed 000 [eV].
WORK_FUNCTION_EV = {"Bi": 4.34, "Sb": 4.55, "Co": 5.0, "Tb": 3.0}


def work_function(
    x: float, first_eV: float, second_eV: float, dos_first: float | None = None, dos_second: float | None = None
) -> float:
    """Return the work function [eV] of the alloy A(1-x)B(x).

    ``(1 - x) phi_A + x phi_B``, and with the densities of states also
    ``x (1 - x) (phi_A - phi_B) (rho_B - rho_A) / (x rho_A + (1 - x) rho_B)``.

    Parameters
    ----------
    x : float
        Content of B, 0 to 1.
    first_eV, second_eV : float
        Work functions of A and B [eV].
    dos_first, dos_second : float, optional
        Densities of states of A and B at the Fermi level, in one unit; both or neither.

    Notes
    -----
    Seed 000 states some 4.55 eV for Bi0.1Sb0.9-like and 4.47 eV for its Co-Tb from a "two-component alloy model"
    (its Note 8) whose densities of states it does not print; the linear part alone gives 4.529 and 4.440 eV.
    """
    if not 0.0 <= x <= 1.0:
        raise UsageError(f"x: {x:g} asked, the content of the second component lies in 0 to 1")
    linear = (1 - x) * first_eV + x * second_eV
    if dos_first is None and dos_second is None:
        return linear
    if dos_first is None or dos_second is None or not (dos_first > 0 and dos_second > 0):
        raise UsageError("work function: give both densities of states, above 0, or neither")
    bowing = x * (1 - x) * (first_eV - second_eV) * (dos_second - dos_first)
    return linear + bowing / (x * dos_first + (1 - x) * dos_second)
