"""Run folders as the worker writes them, made without measuring: for tests of what reads them."""

import json
from datetime import datetime, timedelta
from pathlib import Path

COLUMNS = ["Index", "Repeat", "Time (s)", "Field (T)", "Voltage (V)", "Frequency (Hz)", "Power (dBm)", "Angle (deg)"]
BEGAN = datetime(2026, 3, 1, 12, 0, 0).astimezone()


def make_run(
    root: Path,
    number: int = 0,
    *,
    sample: str = "NiFe-BiSb",
    device: str = "",
    frequency: float = 7e9,
    status: str | None = "finished",
    rows: int = 5,
    simulated: bool = True,
    results: dict | None = None,
    opened: dict | None = None,
) -> Path:
    """Write a run folder; ``status`` None leaves its journal without an end."""
    began = BEGAN + timedelta(hours=number)
    run_id = f"{began:%Y%m%d-%H%M%S}-{number:05x}"
    folder = root / f"{began:%Y-%m-%d}" / f"{run_id}_STFMRFieldSweep_{sample.replace('|', '-')}"
    folder.mkdir(parents=True)
    events = [run_open(run_id, began, sample, device, frequency, simulated) | (opened or {})]
    if status is not None:
        ended = (began + timedelta(minutes=1)).isoformat()
        events.append({"event": "run_close", "wall": ended, "t": 60.0, "exit_status": status, "rows": rows})
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    lines = [f"#Metadata:\n#\tSIMULATED: {simulated}\n#Data:\n", ",".join(COLUMNS) + "\n"]
    for k in range(rows):
        field_T = 0.045 + 0.035 * k / max(rows - 1, 1)
        offset = (field_T - 0.0625) / 0.004
        voltage_V = 1e-6 * (1 + offset) / (1 + offset**2) + 1e-9 * ((7 * k) % 5 - 2)
        lines.append(f"{k},0,{k / 10},{field_T!r},{voltage_V!r},{frequency!r},15.0,45.0\n")
    (folder / f"{run_id}_STFMRFieldSweep.csv").write_text("".join(lines), encoding="utf-8")
    if results is not None:
        content = {"kind": "stfmr", "results": results, "spectra": [], "flags": [], "simulated": simulated}
        (folder / "results.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def run_open(run_id, began, sample, device, frequency, simulated):
    return {
        "event": "run_open",
        "wall": began.isoformat(),
        "t": 0.0,
        "schema": 1,
        "run": run_id,
        "procedure": "sotlab.procedures.stfmr_field_sweep.STFMRFieldSweep",
        "versions": {"python": "3.11", "sotlab": "0.1.0"},
        "parameters": {
            "frequency": {"name": "Frequency", "value": frequency, "unit": "Hz"},
            "points": {"name": "Points", "value": 5, "unit": None},
            "station": {"name": "Station", "value": "virtual:stfmr", "unit": None},
        },
        "columns": COLUMNS,
        "operator": "ada",
        "simulated": simulated,
        "station": {
            "spec": "virtual:stfmr",
            "config": {"station": {"name": "ST-FMR"}},
            "identities": {"field": "KEPCO,BOP,SIM0001,1"},
            "calibrations": {
                "gaussmeter": [
                    {
                        "schema_version": 1,
                        "kind": "gaussmeter_zero",
                        "role": "gaussmeter",
                        "date": "2026-02-01T10:00:00+00:00",
                        "run": "20260201-100000-00000",
                        "sotlab": "0.1.0",
                        "simulated": True,
                        "instrument": "",
                        "values": {"zero": {"value": 1e-5, "sigma": 1e-6, "unit": "T"}},
                        "points": {},
                        "notes": [],
                    }
                ]
            },
        },
        "sample": {"name": sample, "description": "on sapphire", "device": device},
        "analysis": {
            "kind": "stfmr",
            "columns": {"field": "Field (T)", "voltage": "Voltage (V)"},
            "axes": {"frequency": "Frequency (Hz)", "power": "Power (dBm)", "angle": "Angle (deg)"},
            "settings": {"g": 2.1},
        },
    }
