"""What all plots of reductions share: colours, and the mark of what was simulated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from sotlab.units import pretty

__all__ = ["COLOURS", "marked", "told"]

#: Okabe and Ito's colours, told apart by everybody.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def marked(figure: Figure, simulated: bool) -> Figure:
    """Return the figure, with SIMULATED across it if its data are."""
    if simulated:
        figure.text(0.5, 0.5, "SIMULATED", fontsize=40, color="0.5", alpha=0.18, ha="center", va="center", rotation=20)
    return figure


def told(results: Mapping[str, Any], *names: str) -> str:
    """Return some results as a line of text; what is not determined is left out."""
    known = [(name, results[name]) for name in names if name in results and results[name]["value"] is not None]
    return ",  ".join(f"{name} = {pretty(value['value'], value['sigma'], value['unit'])}" for name, value in known)
