"""Export as the documents of Bluesky's event model, one JSON array ``[name, document]`` on each line."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from sotlab.analysis.values import plain
from sotlab.procedures.runs.exporting import Exporter
from sotlab.procedures.runs.run_data import Column, RunData

__all__ = ["EVENT_MODEL", "documents"]

#: Names our documents: the same run gives the same ids, however often it is exported.
NAMESPACE = uuid.UUID("8c0b8a1e-56c5-4a0c-9d0f-3b1f5e6a7d42")

#: The event model's word for how each run ended.
EXITS = {"finished": "success", "aborted": "abort"}


def write_documents(path: Path, run: RunData) -> None:
    """Write start, descriptor, an event for each row, and stop."""
    with path.open("w", encoding="utf-8") as file:
        for name, document in documents(run):
            file.write(json.dumps([name, document], ensure_ascii=False) + "\n")


def documents(run: RunData) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, document) of the event model."""
    columns = run.real_columns()
    names = [column.name.replace(".", "_").replace("/", "_") for column in columns]
    start, descriptor = _uid(run, "start"), _uid(run, "descriptor")
    began_s = _seconds(run.about["started"])
    yield (
        "start",
        {
            "uid": start,
            "time": began_s,
            "scan_id": 1,
            "plan_name": run.about["procedure"],
            "sample": run.about["sample"],
            "hints": {"dimensions": [[[name], "primary"] for name in names if name in run.axes[:1]]},
            "sotlab": dict(run.about),
            "SIMULATED": run.about["SIMULATED"] == "True",
        },
    )
    keys = {name: _data_key(column, run) for name, column in zip(names, columns, strict=True)}
    yield (
        "descriptor",
        {"uid": descriptor, "run_start": start, "time": began_s, "name": "primary", "data_keys": keys},
    )
    cells = [_cells(column) for column in columns]
    times = next((cell for name, cell in zip(names, cells, strict=True) if name == "Time"), None)
    now_s = began_s
    for k in range(run.rows):
        since_s = times[k] if times and isinstance(times[k], int | float) else 0.0
        now_s = began_s + since_s if math.isfinite(since_s) else began_s
        yield (
            "event",
            {
                "uid": _uid(run, f"event {k}"),
                "descriptor": descriptor,
                "seq_num": k + 1,
                "time": now_s,
                "data": {name: cell[k] for name, cell in zip(names, cells, strict=True)},
                "timestamps": dict.fromkeys(names, now_s),
            },
        )
    yield (
        "stop",
        {
            "uid": _uid(run, "stop"),
            "run_start": start,
            "time": max(_seconds(run.about["ended"]), now_s),
            "exit_status": EXITS.get(run.about["status"], "fail"),
            "reason": run.about["status"],
            "num_events": {"primary": run.rows},
        },
    )


def _data_key(column: Column, run: RunData) -> dict[str, Any]:
    key: dict[str, Any] = {"source": f"sotlab:{run.about['run']}", "shape": []}
    if column.traces is not None:
        shapes = {trace.shape for trace in column.traces if trace is not None}
        key |= {"dtype": "array", "shape": list(shapes.pop()) if len(shapes) == 1 else [None]}
    else:
        key["dtype"] = {"f": "number", "i": "integer", "u": "integer", "b": "boolean"}.get(
            column.values.dtype.kind, "string"
        )
    return key | ({"units": column.unit} if column.unit else {})


def _cells(column: Column) -> list[Any]:
    """Return the cells as JSON has them: NaN and infinity, which it has not, as null."""
    if column.traces is None:
        return plain(column.values)
    return [None if trace is None else plain(np.asarray(trace)) for trace in column.traces]


def _uid(run: RunData, what: str) -> str:
    return str(uuid.uuid5(NAMESPACE, f"{run.about['run']} {what}"))


def _seconds(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


EVENT_MODEL = Exporter(".jsonl", write_documents)
