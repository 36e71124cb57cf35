"""A rehearsal as it is read in the window: how long it takes, what it would break, what it warns of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from sotlab.gui.qt import QtWidgets
from sotlab.procedures.runs.pace import clock_text
from sotlab.procedures.runs.rehearsal_checks import said_once

__all__ = ["RehearsalView", "as_page"]

KINDS = (("limits", "limit", "✗"), ("problems", "problem", "✗"), ("warnings", "warning", "⚠"))


def as_page(told: Mapping[str, Any]) -> str:
    """Return what a rehearsal has found as a page."""
    lines = [
        f"<h3>Rehearsal of {escape(told['campaign'])}: SIMULATED</h3>",
        f"<p><b>In all {clock_text(told['duration_s'])}</b>, from {_hour(told['starts'])} to {_hour(told['ends'])}</p>",
    ]
    wrong = [(mark, *one) for kind, key, mark in KINDS for one in said_once(told[kind], key)]
    lines += [f"<p>{mark} <b>{escape(job)}</b>: {escape(text)}</p>" for mark, job, text in wrong]
    if not wrong:
        lines.append("<p>✓ nothing that it would break, and nothing to warn of</p>")
    lines += [f"<p>{escape(role)} on for {clock_text(on_s)}</p>" for role, on_s in told["on_s"].items()]
    lines.append(
        "<table cellpadding=4><tr><th>Run</th><th>Rows</th><th>Takes</th><th>Begins</th><th>Ends</th><th></th></tr>"
    )
    for job in told["jobs"]:
        takes = "?" if job["duration_s"] is None else clock_text(job["duration_s"])
        report = f'<a href="{Path(job["report"]).resolve().as_uri()}">plots</a>' if job["report"] else ""
        cells = (escape(job["job"]), job["rows"], takes, _hour(job["starts"]), _hour(job["ends"]), report)
        lines.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return "\n".join([*lines, "</table>"])


def _hour(stamp: str | None) -> str:
    return "" if stamp is None else f"{datetime.fromisoformat(stamp):%a %H:%M:%S}"


class RehearsalView(QtWidgets.QDialog):
    """The page, in a window of its own that holds nothing up."""

    def __init__(self, parent: QtWidgets.QWidget, told: Mapping[str, Any]) -> None:
        super().__init__(parent)
        self.setWindowTitle("Rehearsal")
        self.resize(760, 520)
        self.page = QtWidgets.QTextBrowser(openExternalLinks=True)
        self.page.setHtml(as_page(told))
        layout = QtWidgets.QVBoxLayout(self)
        layout.addWidget(self.page)
