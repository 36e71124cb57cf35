"""dotTHz files: traces in HDF5, as terahertz laboratories exchange them.

Each group is a measurement with attributes; each dataset in it a trace: delay [ps] and signal, as two columns or two
rows. What datasets are is said by ``dsDescription`` ("ds1:Sample, ds2:Ref") or by their own names. Real files leave
attributes empty, write them as text, bytes or arrays of text, and hold more than traces: what is no trace is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from sotlab.errors import DataError, RunError
from sotlab.procedures.runs.foreign import Table

__all__ = ["DotTHzTrace", "is_hdf5", "read_dotthz", "read_dotthz_tables", "split_selection", "write_dotthz"]

#: The version of the format that is written.
VERSION = "1.00"
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_REFERENCE = re.compile(r"\bref", re.IGNORECASE)
_NO_TRACE = re.compile(r"\b(baseline|dark|background|noise)", re.IGNORECASE)


@dataclass(frozen=True)
class DotTHzTrace:
    """One trace of a dotTHz file.

    Parameters
    ----------
    group, key : str
        The measurement, and the dataset in it.
    description : str
        What the file calls it, as "Sample" or "Ref".
    delay_s, signal : (N,) float
        Delay, and signal in the file's own unit.
    attributes : mapping
        The measurement's attributes, as text or numbers.
    """

    group: str
    key: str
    description: str
    delay_s: np.ndarray
    signal: np.ndarray
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_reference(self) -> bool:
        """Whether the file calls it one of the reference."""
        return _REFERENCE.search(self.description) is not None

    def is_called(self, name: str) -> bool:
        """Whether ``name`` is its measurement, its dataset, its description, or measurement/one of these."""
        own = {self.key, self.description}
        return name in {self.group, *own, *(f"{self.group}/{one}" for one in own)}


def is_hdf5(path: Path) -> bool:
    """Return whether a file begins as HDF5 does; a selection behind '#' is allowed."""
    try:
        with split_selection(path)[0].open("rb") as file:
            return file.read(len(_SIGNATURE)) == _SIGNATURE
    except OSError:
        return False


def split_selection(path: Path) -> tuple[Path, str]:
    """Split ``file.thz#Measurement/Sample`` into the file and what is chosen of it; "" is everything."""
    name, hash_, chosen = path.name.partition("#")
    if path.exists() or not hash_:
        # A measurement's name may hold a slash, which then looks like a folder.
        for parent in path.parents:
            base, found, rest = parent.name.partition("#")
            if found and not path.exists():
                return parent.with_name(base), "/".join([rest, *path.relative_to(parent).parts])
        return path, ""
    return path.with_name(name), chosen


def read_dotthz(path: Path) -> list[DotTHzTrace]:
    """Read all traces of a dotTHz file.

    Parameters
    ----------
    path : Path
        The file; "#NAME" behind it chooses a measurement, a dataset or its description, or "MEASUREMENT/DATASET".

    Raises
    ------
    DataError
        If it cannot be read, holds no trace, or none of that name.
    """
    file_path, chosen = split_selection(path)
    try:
        with h5py.File(file_path, "r") as file:
            traces = [trace for name, group in file.items() for trace in _traces(name, group)]
    except OSError as error:
        raise DataError(f"{file_path}: the dotTHz file cannot be read: {error}") from error
    if not traces:
        raise DataError(f"{file_path}: there is no trace in it: a dotTHz file has groups with datasets of two columns")
    found = [trace for trace in traces if not chosen or trace.is_called(chosen)]
    if not found:
        known = ", ".join(dict.fromkeys(f"{trace.group}/{trace.description}" for trace in traces))
        raise DataError(f"{file_path}: there is no trace '{chosen}' in it; it has {known}")
    return found


def read_dotthz_tables(path: Path) -> list[tuple[str, Table]]:
    """Return name and table of each trace, with the columns ``delay`` [s] and ``signal`` and the axis ``reference``.

    Dark and baseline scans are left out. Signals are in the file's own unit.
    """
    tables = []
    for trace in read_dotthz(path):
        if _NO_TRACE.search(trace.description):
            continue
        columns = {"delay": trace.delay_s, "signal": trace.signal}
        table = Table(path, columns, {"reference": float(trace.is_reference)})
        tables.append((f"{split_selection(path)[0].name} {trace.group}/{trace.description}", table))
    if not tables:
        raise DataError(f"{path}: it holds no trace but dark or baseline scans")
    return tables


def write_dotthz(
    path: Path, measurements: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]], attributes: Mapping[str, str]
) -> None:
    """Write traces as a dotTHz file.

    Parameters
    ----------
    path : Path
        The file; what was there before is replaced.
    measurements : mapping
        By the measurement's name and the trace's description ("Sample", "Ref"): delay [s] and signal [V].
    attributes : mapping of str to str
        Of all measurements: ``description``, ``user``, ``instrument``, ``time``, ``mode``, ...

    Raises
    ------
    RunError
        If it cannot be written.
    """
    try:
        with h5py.File(path, "w") as file:
            for name, traces in measurements.items():
                group = file.create_group(name.replace("/", "_"))
                keys = {description: f"ds{k}" for k, description in enumerate(traces, start=1)}
                for description, (delay_s, signal_V) in traces.items():
                    data = np.column_stack([np.asarray(delay_s, float) * 1e12, np.asarray(signal_V, float)])
                    group.create_dataset(keys[description], data=data)
                for key, text in {**attributes, "thzVer": VERSION, "dsDescription": ",".join(keys)}.items():
                    group.attrs[key] = text
    except OSError as error:
        raise RunError(f"{path}: the dotTHz file cannot be written: {error}") from error


def _traces(name: str, group: Any) -> list[DotTHzTrace]:
    if not isinstance(group, h5py.Group):
        return []
    attributes = {key: _plain(value) for key, value in group.attrs.items()}
    said = _descriptions(attributes.get("dsDescription"), list(group))
    found = []
    for key, dataset in group.items():
        trace = _columns(dataset)
        if trace is not None:
            found.append(DotTHzTrace(name, str(key), str(said.get(key, key)), *trace, attributes))
    return found


def _columns(dataset: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Return delay [s] and signal of a dataset of two columns or rows; None of anything else."""
    if not isinstance(dataset, h5py.Dataset) or dataset.ndim != 2 or dataset.dtype.kind not in "fiu":
        return None
    data = np.asarray(dataset[()], float)
    if data.shape[1] != 2 and data.shape[0] == 2:
        data = data.T
    if data.shape[1] != 2 or len(data) < 2:
        return None
    delay, signal = data.T
    # The format has no unit: it is picoseconds, but some write seconds. No scan is shorter than 1e-9 ps or longer
    # than 1e-6 s.
    in_seconds = np.nanmax(np.abs(delay), initial=0.0) < 1e-6
    return delay * (1.0 if in_seconds else 1e-12), signal


def _descriptions(text: Any, keys: Sequence[str]) -> dict[str, str]:
    """Return what each dataset is, of "ds1:Sample, ds2:Ref", or of "Sample, Ref" in the order of their numbers."""
    parts = [part.strip() for part in re.split(r"[,;]", str(text or "")) if part.strip()]
    pairs = [part.partition(":") for part in parts]
    if pairs and all(colon for _, colon, _ in pairs):
        return {key.strip(): description.strip() for key, _, description in pairs}
    if "ds1" not in keys:
        return {}
    return {f"ds{k}": description for k, description in enumerate(parts, start=1)}


def _plain(value: Any) -> Any:
    """Return an attribute as text or number; None of an empty one."""
    if isinstance(value, h5py.Empty):
        return None
    while isinstance(value, np.ndarray):
        if value.size != 1:
            return ", ".join(str(_plain(one)) for one in value.ravel())
        value = value.ravel()[0]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
