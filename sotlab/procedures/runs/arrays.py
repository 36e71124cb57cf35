"""Traces and buffers of a run: ``arrays.bin``, to which each is appended whole; ``arrays.h5`` is made of it at the end.

An HDF5 file that is open when its process is killed cannot be read; this one can, up to the last whole record. The cell
of the data file says ``array:KEY``. A record is ``SOTARRAY``, the lengths of its header and of its data (two unsigned
64-bit numbers, little endian), the header (JSON: key, column, dtype, shape), the data in C order, and the CRC-32 of
header and data.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sotlab.errors import DataError, RunError
from sotlab.procedures.runs.durable import DurableFile

__all__ = ["ArrayFile", "Arrays", "gather", "is_array", "read_arrays"]

MAGIC = b"SOTARRAY"
_LENGTHS = struct.Struct("<QQ")
_CHECK = struct.Struct("<I")
#: Files of arrays larger than this are not gathered: that needs so much memory [bytes].
MOST_GATHERED = 1_000_000_000
#: How the cell of a data file names an array.
PREFIX = "array:"


def is_array(value: Any) -> bool:
    """Return whether a value is stored as an array: any sequence of other than one number."""
    return isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.size != 1)


class ArrayFile:
    """Appends arrays to ``arrays.bin``; the file is made with the first one.

    Parameters
    ----------
    path : Path
        The file; keys go on after those that are in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._next = 1 + max((record.key for record in _records(path)), default=-1) if path.exists() else 0
        self._file: DurableFile | None = None

    def append(self, column: str, value: Any) -> str:
        """Append one array and return how a cell names it.

        Raises
        ------
        DataError
            If it is no array of numbers.
        RunError
            If it cannot be written.
        """
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise DataError(f"column '{column}': cannot be stored: {error}") from error
        if array.dtype.kind not in "biufc":
            raise DataError(f"column '{column}': an array of {array.dtype} cannot be stored, only one of numbers")
        if array.dtype.kind == "f" and array.dtype.itemsize > 8:  # a long double is of another size elsewhere
            array = array.astype(float)
        array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
        if self._file is None:
            self._file = DurableFile(self.path)
        key = self._next
        described = {"key": key, "column": column, "dtype": array.dtype.str, "shape": list(array.shape)}
        header = json.dumps(described, ensure_ascii=False).encode()
        data = array.tobytes()
        check = _CHECK.pack(zlib.crc32(data, zlib.crc32(header)))
        self._file.write(b"".join((MAGIC, _LENGTHS.pack(len(header), len(data)), header, data, check)))
        self._next += 1
        return f"{PREFIX}{key}"

    def close(self) -> None:
        """Sync and close the file."""
        if self._file is not None:
            self._file.close()


@dataclass(frozen=True)
class _Record:
    key: int
    column: str
    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int
    end: int


class Arrays(Mapping[str, np.ndarray]):
    """The arrays of a run by the text that names them in a cell; each is read when it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records = {f"{PREFIX}{record.key}": record for record in (_records(path) if path.exists() else ())}

    def __getitem__(self, name: str) -> np.ndarray:
        record = self._records[name]
        with open(self.path, "rb") as file:
            file.seek(record.offset)
            count = int(np.prod(record.shape, dtype=np.int64))
            return np.fromfile(file, record.dtype, count).reshape(record.shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def column(self, name: str) -> str:
        """Return the column that an array belongs to."""
        return self._records[name].column


def read_arrays(path: Path) -> Arrays:
    """Return the arrays of a run's ``arrays.bin``, without a torn last record; none if there is no such file.

    Raises
    ------
    RunError
        If the file cannot be read.
    """
    try:
        return Arrays(path)
    except OSError as error:
        raise RunError(f"{path}: the arrays cannot be read: {error.strerror}") from error


def cut_torn_record(path: Path) -> int:
    """Cut what follows the last whole record; return how many bytes that were."""
    if not path.exists():
        return 0
    end = max((record.end for record in _records(path)), default=0)
    torn = path.stat().st_size - end
    if torn:
        with open(path, "rb+") as file:
            file.truncate(end)
    return torn


def gather(path: Path, target: Path) -> None:
    """Write all arrays into an HDF5 file: a dataset ``KEY`` each, with its column as an attribute.

    The file is made in memory and then written as one: HDF5 brings the process down where a disk is full (seen).

    Raises
    ------
    RunError
        If it cannot be written, or is too large; ``arrays.bin`` stays, and has everything.
    """
    import h5py  # late: only runs with arrays need it

    if path.stat().st_size > MOST_GATHERED:
        raise RunError(f"{target}: not made of more than {MOST_GATHERED / 1e9:g} GB; all arrays are in {path.name}")
    arrays = read_arrays(path)
    with h5py.File(target.name, "w", driver="core", backing_store=False) as file:
        for name in arrays:
            dataset = file.create_dataset(name.removeprefix(PREFIX), data=arrays[name])
            dataset.attrs["column"] = arrays.column(name)
        file.flush()
        image = file.id.get_file_image()
    unfinished = target.with_suffix(".part")
    try:
        unfinished.write_bytes(image)
        unfinished.replace(target)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise RunError(f"{target}: cannot be written: {error.strerror}; all arrays are in {path.name}") from error


def _records(path: Path) -> Iterator[_Record]:
    """Yield the whole records from the beginning, up to the first that is torn or damaged."""
    with open(path, "rb") as file:
        while True:
            head = file.read(len(MAGIC) + _LENGTHS.size)
            if len(head) < len(MAGIC) + _LENGTHS.size or not head.startswith(MAGIC):
                return
            header_length, data_length = _LENGTHS.unpack_from(head, len(MAGIC))
            rest = path.stat().st_size - file.tell()
            if header_length + data_length + _CHECK.size > rest:
                return
            header = file.read(header_length)
            offset = file.tell()
            check = zlib.crc32(header)
            for start in range(0, data_length, 1 << 20):
                check = zlib.crc32(file.read(min(1 << 20, data_length - start)), check)
            if _CHECK.unpack(file.read(_CHECK.size)) != (check,):
                return
            described = json.loads(header)
            dtype, shape = np.dtype(described["dtype"]), tuple(described["shape"])
            yield _Record(described["key"], described["column"], dtype, shape, offset, file.tell())
