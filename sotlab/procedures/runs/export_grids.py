"""Exports as self-describing files of arrays: netCDF, as xarray reads it, and HDF5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from sotlab.procedures.runs.exporting import Exporter, needed
from sotlab.procedures.runs.run_data import Column, RunData

__all__ = ["HDF5", "NETCDF"]


def write_netcdf(path: Path, run: RunData) -> None:
    """Write a Dataset with the dimension ``row``: units as attributes, axes as coordinates, arrays with dimensions."""
    xarray = needed("xarray")
    needed("h5netcdf")
    variables: dict[str, Any] = {}
    for column in run.real_columns():
        values = _values(column)
        name = column.name.replace("/", "_")
        dimensions = ("row", *(f"{name} axis {k}" for k in range(1, values.ndim)))
        variables[name] = (dimensions, values, {"units": column.unit, "long_name": column.name})
    axes = {name.replace("/", "_") for name in run.axes}
    dataset = xarray.Dataset(
        {name: variable for name, variable in variables.items() if name not in axes},
        {name: variable for name, variable in variables.items() if name in axes},
        run.about,
    )
    dataset["run_open"] = ((), run.opened_text())  # an attribute holds 64 kB at most
    dataset.to_netcdf(path, engine="h5netcdf")


def write_hdf5(path: Path, run: RunData) -> None:
    """Write the group ``rows`` with a data set for each column, its ``unit`` as an attribute; the rest at the root."""
    with h5py.File(path, "w") as file:
        file.attrs.update(run.about)
        file.create_dataset("run_open", data=run.opened_text())
        rows = file.create_group("rows", track_order=True)
        for column in run.real_columns():
            dataset = rows.create_dataset(column.name.replace("/", "_"), data=_values(column))
            dataset.attrs["unit"] = column.unit
            dataset.attrs["axis"] = column.name in run.axes


def _values(column: Column) -> np.ndarray:
    """Return the column as one array; rows' arrays of different length are filled up with NaN."""
    if column.traces is None:
        return column.values
    traces = [np.asarray([np.nan]) if trace is None else trace for trace in column.traces]
    shapes = {trace.shape for trace in traces}
    if len(shapes) == 1:
        return np.stack(traces)
    deepest = max(trace.ndim for trace in traces)
    traces = [trace.reshape((1,) * (deepest - trace.ndim) + trace.shape) for trace in traces]
    filled = np.full((len(traces), *np.max([trace.shape for trace in traces], axis=0)), np.nan)
    for row, trace in zip(filled, traces, strict=True):
        row[tuple(slice(length) for length in trace.shape)] = trace
    return filled


NETCDF = Exporter(".nc", write_netcdf)
HDF5 = Exporter(".h5", write_hdf5)
