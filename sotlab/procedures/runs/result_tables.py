"""The results of a reduction as a table for a paper (LaTeX) or for another program (CSV), and its figures as files."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sotlab.analysis.values import rows_of
from sotlab.errors import RunError, UsageError
from sotlab.procedures.runs.tables import row_label, value_names
from sotlab.units import prefixed

__all__ = ["FIGURE_FORMATS", "write_figures", "write_table"]

#: Vector graphics for papers and slides, and pixels for all else.
FIGURE_FORMATS = ("pdf", "svg", "png")
#: What stands in a unit, and how LaTeX sets it in an upright formula.
_SYMBOLS = {"µ": r"\mu ", "ohm": r"\Omega ", "Ω": r"\Omega ", "deg": r"{}^{\circ}"}
_SPECIAL = "_&%#$"
#: What is said of results by whether they are simulated.
MARKS = {True: "; SIMULATED", False: ""}
#: Digits of a number without a sigma.
_DIGITS = 6


def write_table(path: Path, result: Mapping[str, Any]) -> None:
    """Write the results, and the values of each spectrum or scan, as LaTeX (``.tex``) or CSV (``.csv``).

    Parameters
    ----------
    path : Path
        Where to; what was there before is replaced.
    result : mapping
        The reduction as JSON has it.

    Raises
    ------
    UsageError
        If the file's name ends in neither.
    RunError
        If it cannot be written.
    """
    makers = {".tex": _latex, ".csv": _csv}
    make = makers.get(path.suffix.lower())
    if make is None:
        raise UsageError(f"--table {path}: the name of a table ends in {' or '.join(makers)}")
    try:
        path.write_text(make(result), encoding="utf-8", newline="")
    except OSError as error:
        raise RunError(f"{path}: the table cannot be written: {error.strerror}") from error


def write_figures(folder: Path, figures: Sequence[tuple[str, Any]]) -> list[Path]:
    """Write each figure as PDF, SVG and PNG into a folder, which is made, and return where they are.

    Raises
    ------
    RunError
        If one cannot be written.
    """
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, (caption, figure) in enumerate(figures, start=1):
            words = "".join(c if c.isascii() and c.isalnum() else " " for c in caption.lower()).split()
            for suffix in FIGURE_FORMATS:
                written.append(folder / f"{number:02d}_{'_'.join(words)}.{suffix}")
                figure.savefig(written[-1], dpi=300)
    except OSError as error:
        raise RunError(f"{folder}: the figures cannot be written: {error.strerror}") from error
    return written


def _latex(result: Mapping[str, Any]) -> str:
    """Return tabulars that a paper takes as they are; they need the package booktabs."""
    said = f"{result['kind']}: {', '.join(result['inputs'])}{MARKS[result['simulated']]}"
    cells = [[_text(name), _number(value)] for name, value in result["results"].items()]
    lines = [f"% {' '.join(said.split())}", *_tabular(["quantity", "value"], cells)]
    rows = rows_of(result)
    if rows:
        names = value_names(rows)
        first, labels = row_label(rows)
        each = [
            [_text(label), *(_number(row.get(name)) for name in names)] for label, row in zip(labels, rows, strict=True)
        ]
        lines += ["", *_tabular([first, *names], each)]
    return "\n".join(lines) + "\n"


def _tabular(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    end = r" \\"
    return [
        r"\begin{tabular}{l" + "r" * (len(head) - 1) + "}",
        r"\toprule",
        " & ".join(map(_text, head)) + end,
        r"\midrule",
        *(" & ".join(row) + end for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _text(text: str) -> str:
    """Return text with what LaTeX would take for its own escaped."""
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in text.replace("\\", "/"))


def _number(value: Mapping[str, Any] | None) -> str:
    r"""Return ``$(7.71 \pm 0.14)\,\mathrm{\mu T}$``: two digits of sigma, as many of the value; ``--`` for None."""
    if value is None or value["value"] is None:
        return "--"
    number, sigma = float(value["value"]), float(value["sigma"] or 0.0)
    size = max(abs(number), sigma)
    factor, unit = prefixed(size, value["unit"])
    number, sigma, power = number * factor, sigma * factor, 0
    if factor == 1.0 and size and not 1e-3 <= size < 1e6:  # no prefix made it a readable number
        power = math.floor(math.log10(size))
        number, sigma = number / 10.0**power, sigma / 10.0**power
    if sigma > 0:
        decimals = max(0, 1 - math.floor(math.log10(sigma)))
        shown = rf"{number:.{decimals}f} \pm {sigma:.{decimals}f}"
    else:
        shown = f"{number:.{_DIGITS}g}"
    behind = (rf" \times 10^{{{power}}}" if power else "") + (rf"\,\mathrm{{{_unit(unit)}}}" if unit else "")
    return f"$({shown}){behind}$" if behind and sigma > 0 else f"${shown}{behind}$"


def _unit(unit: str) -> str:
    """Return a unit of the results, as ``1/(ohm*m**2)``, in LaTeX."""
    above, _, below = unit.partition("/")
    parts = [(factor, "") for factor in above.replace("**", "^").split("*") if factor != "1"]
    parts += [(factor, "-") for factor in below.strip("()").replace("**", "^").split("*") if factor]
    return r"\,".join(_factor(factor, sign) for factor, sign in parts)


def _factor(factor: str, sign: str) -> str:
    name, _, power = factor.partition("^")
    for symbol, latex in _SYMBOLS.items():
        name = name.replace(symbol, latex)
    exponent = sign + (power or ("1" if sign else ""))
    return name.strip() + (f"^{{{exponent}}}" if exponent else "")


def _csv(result: Mapping[str, Any]) -> str:
    """Return one line for each value: of what, its name, value, sigma and unit, in SI units with all digits."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["of", "quantity", "value", "sigma", "unit"])
    rows = rows_of(result)
    of = [("all", result["results"])]
    if rows:
        first, labels = row_label(rows)
        of += [(f"{first} {label}", row) for label, row in zip(labels, rows, strict=True)]
    for what, values in of:
        for name in value_names([values]):
            value = values[name]
            writer.writerow([what, name, value["value"], value["sigma"], value["unit"]])
    return out.getvalue()
