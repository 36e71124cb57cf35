"""The demonstration: R(phi), the current's calibration, and field sweeps give torque efficiencies, on one bench."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sotlab.instruments.station import Station
from sotlab.procedures.amr_angle_scan import AMRAngleScan
from sotlab.procedures.calibrations.base import calibration_of
from sotlab.procedures.calibrations.rf_current import RFCurrent
from sotlab.procedures.runs.folder import RunFolder
from sotlab.procedures.runs.provenance import keep_results
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.reduce import Outcome, reduce_runs
from sotlab.procedures.runs.run import Run
from sotlab.procedures.runs.scan import Scan
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep
from sotlab.procedures.stfmr_series import expected_window_T
from sotlab.units import pretty

__all__ = ["FREQUENCIES_GHZ", "Demonstration", "in_words", "run_demo"]

#: As in the first seed: 4 to 10 GHz.
FREQUENCIES_GHZ = (4, 5, 6, 7, 8, 9, 10)

#: Of each sweep.
POINTS = 121

#: What one would guess of permalloy before measuring it; only the windows are chosen by it [T].
GUESSED_MEFF_T = 1.0


@dataclass
class Demonstration:
    """What came of it: ``outcome`` is None if it was stopped before it was through."""

    outcome: Outcome | None
    folders: list[Path] = field(default_factory=list)

    @property
    def report(self) -> Path:
        """Where the report on all sweeps belongs: beside their folders."""
        return self.folders[0].with_name(f"{RunFolder.open(self.folders[0]).run_id}_demo.html")


def in_words(results: Mapping[str, Any]) -> list[str]:
    """Return what a demonstration has found, in the order in which it follows from what was measured."""

    def of(name: str) -> str:
        return pretty(results[name]["value"], results[name]["sigma"], results[name]["unit"])

    return [
        f"The microwave current is {of('current_rf')} (peak), Delta R {of('delta_resistance')}.",
        f"With the lines: B_DL = {of('b_dl')}, B_FL = {of('b_fl')}, in which the Oersted field is {of('b_oe')}.",
        f"With M_s and geometry: xi_DL^E = {of('xi_dl_E')}, xi_FL^E = {of('xi_fl_E')};"
        f" xi_DL^j = {of('xi_dl_j')}, xi_FL^j = {of('xi_fl_j')}.",
    ]


def run_demo(
    station: str,
    out: Path,
    follow: Callable[[Run], None],
    add_truth: Callable[[Station, dict[str, Any]], None] = lambda bench, result: None,
    frequencies_GHz: tuple[float, ...] = FREQUENCIES_GHZ,
) -> Demonstration:
    """Measure the magnetoresistance, calibrate the current, sweep the field; then reduce all spectra together.

    Parameters
    ----------
    station : str
        The station; it stays open over all runs, as on a real afternoon.
    out : Path
        Folder of runs.
    follow : callable
        Starts a run and returns when it has ended; shows it meanwhile.
    add_truth : callable, optional
        Puts the truth of a virtual sample beside the values of a reduction.
    frequencies_GHz : tuple of float
        Where to measure, evenly spaced.

    Raises
    ------
    SotlabError
        If a run fails.
    """
    folders: list[RunFolder] = []

    def measured(scan: Scan, bench: Station) -> bool:
        """Run a scan; return False if it was stopped."""
        scan.use(bench)
        run = Run(scan, out, bench.sample().name)
        follow(run)
        run.raise_error()
        folders.append(run.folder)
        return run.status != "Aborted"

    def stopped() -> Demonstration:
        return Demonstration(None, [folder.path for folder in folders])

    with Station.open(station, STFMRFieldSweep.ROLES) as bench:
        if not measured(AMRAngleScan(station=station, repeats=1), bench):
            return stopped()
        edges_Hz = [1e9 * frequencies_GHz[0], 1e9 * frequencies_GHz[-1]]
        current = RFCurrent(
            station=station, start=edges_Hz[0], stop=edges_Hz[1], points=len(frequencies_GHz), repeats=1
        )
        if not measured(current, bench):
            return stopped()
        calibration = calibration_of(current, read_run(folders[1].path))
        bench.take(calibration)
        amr = reduce_runs(folders[:1], {"heating": calibration.values["heating"].model_dump()}).json
        keep_results([folders[0].path], amr)
        known = {"delta_resistance": amr["results"]["delta_resistance"]}
        for frequency_GHz in frequencies_GHz:
            start_T, stop_T = expected_window_T(1e9 * frequency_GHz, bench.sample().g, GUESSED_MEFF_T)
            scan = STFMRFieldSweep(
                station=station, frequency=1e9 * frequency_GHz, start=start_T, stop=stop_T, points=POINTS
            )
            if not measured(scan, bench):
                return stopped()
            keep_results([folders[-1].path], reduce_runs(folders[-1:], known).json)
        outcome = reduce_runs(folders[2:], known)
        add_truth(bench, outcome.json)
    return Demonstration(outcome, [folder.path for folder in folders])
