"""Open the operator's window."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sotlab.cli.common import cli, station_option, station_spec, with_seed


@cli.command()
@station_option
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of runs.")
@click.option("--screenshots", type=click.Path(path_type=Path), help="Write pictures of the window there, and exit.")
def gui(station: str | None, out: Path, screenshots: Path | None) -> None:
    """Open the operator's window; without a station file it stands on the virtual lab and leads through a run."""
    from sotlab.gui.app import run_window

    first_start = station is None and not Path("station.toml").is_file()
    spec = "virtual:stfmr" if first_start else station_spec(station)
    if spec.startswith("virtual:") and "clock=" not in spec:
        spec += ("&" if "?" in spec else "?") + "clock=20"  # virtual time would be over before it can be watched
    sys.exit(run_window(with_seed(spec, None), out, screenshots, welcome=first_start))
