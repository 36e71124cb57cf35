"""A rehearsal as people read it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sotlab.procedures.runs.pace import clock_text
from sotlab.procedures.runs.rehearsal_checks import said_once

__all__ = ["show_rehearsal"]


def show_rehearsal(told: Mapping[str, Any]) -> None:
    """Print what a rehearsal has found on stdout."""
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    console.print(f"\n[bold]Rehearsal of {told['campaign']}[/bold]\nSIMULATED")
    table = Table("run", "rows", "takes", "begins", "ends", box=None, pad_edge=False)
    for row in told["jobs"]:
        takes = "?" if row["duration_s"] is None else clock_text(row["duration_s"])
        table.add_row(Text(row["job"]), str(row["rows"]), takes, *(_hour(row[key]) for key in ("starts", "ends")))
    console.print(table)
    console.print(f"in all {clock_text(told['duration_s'])}, ends {_hour(told['ends'])}")
    for role, on_s in told["on_s"].items():
        console.print(f"{role} on for {clock_text(on_s)}")
    for kind, key in (("limits", "limit"), ("problems", "problem"), ("warnings", "warning")):
        for who, text in said_once(told[kind], key):
            console.print(f"! {key}: {who}: {text}", markup=False, soft_wrap=True)
    console.print(f"{told['out']}: plots and results", markup=False, soft_wrap=True)


def _hour(stamp: str | None) -> str:
    return "" if stamp is None else f"{datetime.fromisoformat(stamp):%a %H:%M:%S}"
