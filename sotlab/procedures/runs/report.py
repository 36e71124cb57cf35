"""The report: one HTML page with values, plots and where they come from; it needs nothing beside it."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sotlab.errors import RunError

__all__ = ["write_report"]

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #ccc; padding: .25rem .8rem; text-align: right; vertical-align: top; }
th:first-child, td:first-child { text-align: left; } td.flag { text-align: left; color: #a33; }
img { max-width: 100%; } .simulated { background: #fff3c4; border: 2px solid #b58900; padding: .5rem .8rem;
font-weight: 600; } .small { color: #555; font-size: .85rem; } code { background: #f2f2f2; padding: 0 .2rem; }
"""


def write_report(
    path: Path,
    title: str,
    *,
    simulated: bool,
    tables: Sequence[tuple[str, Sequence[str], Sequence[Sequence[str]]]],
    figures: Sequence[tuple[str, Any]],
    notes: Sequence[str] = (),
    provenance: Mapping[str, str] | None = None,
) -> None:
    """Write the page.

    Parameters
    ----------
    path : Path
        Where to; what was there before is replaced.
    title : str
        The heading.
    simulated : bool
        Whether anything in it was simulated: the page then says so at its top.
    tables : sequence of (heading, column labels, rows)
        Text cells; ``±`` and units are the caller's.
    figures : sequence of (caption, matplotlib Figure)
        Drawn into the page.
    notes : sequence of str
        Flags and warnings, shown before the figures.
    provenance : mapping of str to str, optional
        Runs, files, versions.

    Raises
    ------
    RunError
        If it cannot be written.
    """
    parts = [f"<h1>{html.escape(title)}</h1>"]
    if simulated:
        parts.append('<p class="simulated">SIMULATED: these data come from a virtual bench, not from a sample.</p>')
    for heading, labels, rows in tables:
        parts += [f"<h2>{html.escape(heading)}</h2>", _table(labels, rows)]
    if notes:
        items = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
        parts.append(f"<h2>To be noted</h2><ul>{items}</ul>")
    for caption, figure in figures:
        parts.append(f"<h2>{html.escape(caption)}</h2>{_image(figure, caption)}")
    if provenance:
        parts.append("<h2>Where it comes from</h2>" + _table(["", ""], [list(pair) for pair in provenance.items()]))
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{path}: the report cannot be written: {error.strerror}") from error


def _table(labels: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(label)}</th>" for label in labels)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _image(figure: Any, caption: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<img alt="{html.escape(caption)}" src="data:image/png;base64,{data}">'
