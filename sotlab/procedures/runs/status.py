"""What runs now, as another program sees it: a small file in the run's folder, written anew at most once a second."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pymeasure.experiment import Procedure

from sotlab.analysis.values import LiveFit, plain
from sotlab.procedures.runs.bus import Bus
from sotlab.procedures.runs.folder import RunFolder
from sotlab.procedures.runs.pace import Pace, clock_text, expected_times
from sotlab.procedures.runs.scan import Scan
from sotlab.units import pretty

__all__ = ["StatusFile", "describe_status", "read_status"]

#: How often the file is written at most [s of wall time].
PERIOD_S = 1.0
NAME = "status.json"


class StatusFile:
    """Writes what a run does into ``status.json`` while it goes on.

    It is for eyes only: if it cannot be written, the run goes on without.

    Parameters
    ----------
    folder : RunFolder
        The run.
    bus : Bus
        Where rows, fits and events come from.
    procedure : Procedure
        What is measured.
    """

    def __init__(self, folder: RunFolder, bus: Bus, procedure: Procedure) -> None:
        self._path = folder.path / NAME
        self._procedure = procedure
        self._pace = Pace()
        self._told: dict[str, Any] = {
            "run": folder.run_id,
            "process": os.getpid(),
            "procedure": type(procedure).__name__,
            "station": procedure.station if isinstance(procedure, Scan) else "",
            "sample": procedure.sample if isinstance(procedure, Scan) else "",
            "state": "starting",
        }
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._unsubscribe = bus.subscribe(self._hear)
        self._thread = threading.Thread(target=self._work, name="status file", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take the file away: how the run ended stands in its journal."""
        self._unsubscribe()
        self._ended.set()
        self._thread.join()
        self._path.unlink(missing_ok=True)

    def _hear(self, topic: str, record: Any) -> None:
        with self._lock:
            if topic == "results":
                if not self._pace.done and isinstance(self._procedure, Scan):  # now its station is open
                    self._pace.expect(expected_times(self._procedure))
                self._pace.count(1)
                self._told |= {"state": "measuring", "last_row": record}
            elif topic == "progress":
                self._pace.note_percent(record)
            elif topic == "fit" and isinstance(record, LiveFit):
                fit = {name: {"value": v.value, "sigma": v.sigma, "unit": v.unit} for name, v in record.values.items()}
                self._told["last_fit"] = fit
            elif topic == "error":
                self._told["last_error"] = str(record)
            elif topic == "event" and record["event"] in ("pause", "interlock", "go_on", "interlock_cleared"):
                holds = record["event"] in ("pause", "interlock")
                self._told |= {"state": "paused" if holds else "measuring", "last_event": record}

    def _work(self) -> None:
        while True:
            with self._lock:
                left_s = self._pace.to_go_s
                told = {
                    **self._told,
                    "rows": self._pace.done,
                    "planned": self._pace.planned,
                    "to_go_s": None if left_s is None else round(left_s, 1),
                    "updated": datetime.now().astimezone().isoformat(timespec="seconds"),
                }
            part = self._path.with_suffix(".part")
            try:
                part.write_text(json.dumps(plain(told), ensure_ascii=False, default=str), encoding="utf-8")
                part.replace(self._path)
            except OSError:
                pass
            if self._ended.wait(PERIOD_S):
                return


def read_status(out: Path) -> list[dict[str, Any]]:
    """Return what every run below ``out`` does that is going on, the latest first.

    A run whose program was killed leaves its file; its lock does not outlive it, so it is told as interrupted.
    """
    runs = []
    for path in sorted(out.glob(f"*/*/{NAME}"), reverse=True):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # it has just ended
        folder = RunFolder.open(path.parent)
        if not folder.is_going_on():
            told["state"] = "interrupted"
        runs.append({**told, "folder": str(path.parent)})
    return runs


def describe_status(told: Mapping[str, Any]) -> str:
    """Return what a run does in a few lines."""
    left = "" if told.get("to_go_s") is None else f", {clock_text(told['to_go_s'])}"
    lines = [
        f"{told['run']} {told.get('procedure', '')} on {told.get('station', '')}: {told['state']},"
        f" {told['rows']} of {told.get('planned') or '?'} points{left}"
    ]
    for name in ("last_row", "last_fit"):
        if told.get(name):
            cells = (f"{key} {_shown(value)}" for key, value in told[name].items())
            lines.append(f"  {name.replace('_', ' ')}: {', '.join(cells)}")
    if told.get("last_event"):
        lines.append(f"  {told['last_event']['event']}: {told['last_event'].get('why', '')}")
    if told.get("last_error"):
        lines.append(f"  error: {told['last_error']}")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return pretty(value["value"], value["sigma"], value["unit"])
    return f"{value:.6g}" if isinstance(value, float) else str(value)
