"""Exports delay scans as dotTHz files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from sotlab.errors import DataError
from sotlab.procedures.runs.dotthz import write_dotthz
from sotlab.procedures.runs.exporting import Exporter
from sotlab.procedures.runs.run_data import Column, RunData

__all__ = ["DOTTHZ"]


def write(path: Path, run: RunData) -> None:
    """Write each scan of a run as a trace: delay [ps] and signal [V], with field and sample in its description.

    Raises
    ------
    DataError
        If the run's analysis has no delay and signal.
    """
    mapping = run.opened.get("analysis") or {}
    headers = {**mapping.get("columns", {}), **mapping.get("axes", {})}
    columns = {column.label: column for column in run.columns}
    lacking = [role for role in ("delay", "signal") if headers.get(role) not in columns]
    if lacking:
        raise DataError(f"{run.name}: a dotTHz file holds delay scans; this run has no {' and no '.join(lacking)}")
    delay, signal = columns[headers["delay"]], columns[headers["signal"]]
    axes = {role: columns[header].values for role, header in mapping.get("axes", {}).items() if header in columns}
    groups: dict[tuple[float, ...], list[int]] = {}
    for row in range(run.rows):
        groups.setdefault(tuple(float(values[row]) for values in axes.values()), []).append(row)
    traces = {
        _told(dict(zip(axes, key, strict=True)), number): (_samples(delay, rows), _samples(signal, rows))
        for number, (key, rows) in enumerate(groups.items(), start=1)
    }
    sample = run.about.get("sample", "")
    write_dotthz(
        path,
        {sample or run.name: traces},
        {
            "description": run.about.get("sample description", ""),
            "user": run.about.get("operator", ""),
            "date": run.about.get("started", ""),
            "instrument": run.about.get("station", ""),
            "mode": "THz emission",
            "mdDescription": "SIMULATED, run, procedure, parameters",
            "md1": run.about["SIMULATED"],
            "md2": run.about["run"],
            "md3": run.about["procedure"],
            "md4": json.dumps(json.loads(run.about["parameters"]), ensure_ascii=True),
        },
    )


def _told(axes: dict[str, float], number: int) -> str:
    """Return what a trace is, without the commas and colons that would end a description."""
    said = [f"scan {axes.pop('scan', number):g}", *(f"{role} {value:g}" for role, value in axes.items())]
    return " ".join(said)


def _samples(column: Column, rows: list[int]) -> np.ndarray:
    if column.traces is None:
        return np.asarray(column.values, float)[rows]
    return np.concatenate([np.ravel(trace) for k in rows if (trace := column.traces[k]) is not None])


DOTTHZ = Exporter(".thz", write)
