"""The plot of a calibration: drawn from its file alone, so that it can be drawn again."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from sotlab.errors import RunError
from sotlab.instruments.calibration import Calibration
from sotlab.procedures.calibrations.base import CalibrationScan
from sotlab.units import pretty

__all__ = ["figure_of", "write_plot"]


def figure_of(scan: CalibrationScan, calibration: Calibration) -> Figure:
    """Return the figure: points and values, kind, role, date and run; SIMULATED if it was."""
    figure = Figure(figsize=(7.0, 5.0), layout="constrained")
    scan.draw(figure, calibration)
    values = ",  ".join(
        f"{name} {pretty(v.value, v.sigma, v.unit)}" for name, v in calibration.values.items() if v.sigma or v.value
    )
    marked = "SIMULATED  " if calibration.simulated else ""
    figure.suptitle(
        f"{marked}{calibration.kind} of {calibration.role}, {calibration.date:%Y-%m-%d %H:%M}, run {calibration.run}\n"
        f"{values}",
        fontsize=8,
        wrap=True,
    )
    if calibration.simulated:
        figure.text(0.5, 0.5, "SIMULATED", fontsize=40, color="0.5", alpha=0.18, ha="center", va="center", rotation=20)
    return figure


def write_plot(path: Path, scan: CalibrationScan, calibration: Calibration) -> None:
    """Write the figure as PNG, which says in its metadata, too, whether it was simulated.

    Raises
    ------
    RunError
        If it cannot be written.
    """
    description = f"{calibration.kind} of {calibration.role}, run {calibration.run}"
    if calibration.simulated:
        description = f"SIMULATED: {description}"
    try:
        figure_of(scan, calibration).savefig(path, format="png", dpi=130, metadata={"Description": description})
    except OSError as error:
        raise RunError(f"{path}: the plot cannot be written: {error.strerror}") from error
