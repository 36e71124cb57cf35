"""The truth of a virtual sample beside what was found of it."""

from __future__ import annotations

from typing import Any

from sotlab.errors import UsageError


def virtual_lab(bench: Any) -> Any:
    """Return the lab behind a station in this process, None where that is real or served elsewhere."""
    return getattr(bench.visa_library, "lab", None)


def add_truth_of(station: str, result: dict[str, Any]) -> None:
    """Put the truth of the sample on a virtual station beside each value of a reduction."""
    from sotlab.instruments.station import Station

    with Station.open(station, roles=()) as bench:
        if virtual_lab(bench) is None:
            raise UsageError(f"--truth: {station} is no virtual bench in this process; only that knows its truth")
        add_truth(bench, result)


def add_truth(bench: Any, result: dict[str, Any]) -> None:
    """Put the virtual sample's truth, and the pull, beside each value of a reduction."""
    from sotlab.analysis.values import rows_of

    lab = virtual_lab(bench)
    rows = rows_of(result)
    truths = [lab.truth(**_conditions(row)) for row in rows]
    for row, truth in zip(rows, truths, strict=True):
        _compare(row, truth)
    if rows:
        _compare(result["results"], _over_all(truths))


def _over_all(truths: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the truth of all rows together: where it goes with the current, as the effective fields, the mean."""
    values = {name: [truth[name]["value"] for truth in truths] for name in truths[0]}
    return {
        name: {**truths[0][name], "value": found[0] if len(set(found)) == 1 else sum(found) / len(found)}
        for name, found in values.items()
    }


def _conditions(row: dict[str, Any]) -> dict[str, float]:
    """Return under which conditions a row was measured, as the virtual lab calls them."""
    names = {
        "frequency": "frequency_Hz",
        "power": "power_dBm",
        "angle": "angle_deg",
        "temperature": "temperature_K",
        "amplitude": "amplitude_A_peak",
    }
    found = {names[name]: row[name] for name in names if isinstance(row.get(name), float)}
    if "angle_deg" in found and (row.get("fit") or {}).get("absolute_field"):
        found["angle_deg"] += 180.0  # the lab's line is that of a positive field
    return found


def _compare(values: dict[str, Any], truth: dict[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, dict) and name in truth:
            value["truth"] = truth[name]["value"]
            known = value["value"] is not None and value["sigma"]
            value["pull"] = (value["value"] - value["truth"]) / value["sigma"] if known else None
