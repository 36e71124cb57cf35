"""Write the table of biases in docs/harmonic_hall.md: what both forms make of a macrospin's own readings.

    python docs/make_harmonic_hall.py

The readings come from the torque balance under the field and the current's effective field, solved numerically: none of
the formulas that are tested goes into them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import optimize

from sotlab.analysis.harmonic_hall_out_of_plane import fit_out_of_plane
from sotlab.analysis.values import Value

PAGE = Path(__file__).with_name("harmonic_hall.md")
BEGIN, END = "<!-- table: docs/make_harmonic_hall.py -->\n", "<!-- end of the table -->\n"

R_A_OHM, B_K_T, B_DL_T = 1.9, 0.78, 2e-4
FIELDS_T = np.linspace(1.2, 3.9, 5)
POLAR_RAD = np.radians(np.arange(5.0, 365.0, 10.0))


def hall_ohm(field_T: float, polar_rad: float, share: float, r_p_ohm: float, b_fl_T: float) -> float:
    """Return R_xy at equilibrium with this share of the peak current's effective field."""

    def torque(angles: np.ndarray) -> list[float]:
        theta, phi = angles
        m = np.array([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])
        outer = field_T * np.array([np.sin(polar_rad), 0.0, np.cos(polar_rad)]) + [0.0, 0.0, B_K_T * m[2]]
        current = b_fl_T * np.array([0.0, 1.0, 0.0]) + B_DL_T * np.cross(m, [0.0, 1.0, 0.0])
        of_m = np.cross(m, outer + share * current)
        along_theta = np.array([np.cos(theta) * np.cos(phi), np.cos(theta) * np.sin(phi), -np.sin(theta)])
        along_phi = np.array([-np.sin(phi), np.cos(phi), 0.0])
        return [float(of_m @ along_theta), float(of_m @ along_phi)]

    theta, phi = optimize.root(torque, [polar_rad - 0.1 * np.sin(2 * polar_rad), 0.0], tol=1e-14).x
    return R_A_OHM * np.cos(theta) + 2 * r_p_ohm * np.sin(theta) ** 2 * np.cos(phi) * np.sin(phi)


def biases(xi: float, b_fl_T: float) -> tuple[float, float]:
    """Return the relative error of ``b_dl`` and of ``b_dl_slope``."""
    field, polar = np.repeat(FIELDS_T, len(POLAR_RAD)), np.tile(POLAR_RAD, len(FIELDS_T))
    r_p = xi * R_A_OHM
    plus, minus = (
        np.array([hall_ohm(b, p, share, r_p, b_fl_T) for b, p in zip(field, polar, strict=True)]) for share in (1, -1)
    )
    # V = I s (R + s dR) with s = sin wt, of which the coefficient of cos 2wt over I is -dR/2.
    found = fit_out_of_plane(
        field, polar, (plus + minus) / 2, -(plus - minus) / 4, r_p=Value(r_p, 0.0, "ohm"), left_out=("r_ane", "r_one")
    ).results
    full, slope = found["b_dl"].value, found["b_dl_slope"].value
    return (np.nan if full is None else full / B_DL_T - 1), (np.nan if slope is None else slope / B_DL_T - 1)


def table() -> str:
    """Return the table in Markdown."""
    lines = ["| xi = R_P/R_A | B_FL/B_DL | full form, `b_dl` | slope form, `b_dl_slope` |", "|---|---|---|---|"]
    for xi in (0.0, 0.1, 0.2):
        for part in (0.0, -0.25) if xi else (0.0,):
            full, slope = biases(xi, part * B_DL_T)
            lines.append(f"| {xi:g} | {part:g} | {100 * full:+.2f} % | {100 * slope:+.1f} % |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + table() + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
