"""Text tables that were measured elsewhere: any delimiter, any number of header lines, units from option or header.

A file is taken for text and nothing else: no name in it is imported, nothing in it is run.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sotlab.errors import DataError, UsageError
from sotlab.units import convert, parse_quantity

__all__ = ["ColumnSpec", "Table", "read_table"]

MIN_ROWS = 3
#: In the order in which they are preferred; " " stands for any white space.
DELIMITERS = ("\t", ";", ",", " ")
#: What an axis is called in a header line, besides its own name.
SYNONYMS = {"frequency": ("freq", "f"), "power": ("pow", "P"), "angle": ("phi",), "temperature": ("temp",)}

_NUMBER = r"[-+]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eEdD][-+]?\d+)?"
_IS_NUMBER = re.compile(rf"{_NUMBER}|[-+]?nan", re.IGNORECASE)
_NAME_WITH_UNIT = re.compile(r"(?P<name>.*?)\s*[(\[](?P<unit>(?:[^()\[\]]|\([^()]*\))*)[)\]]\s*")
_SPACED_CELL = re.compile(r"[^\s(\[]+\s*[(\[][^)\]]*[)\]]|\S+")


@dataclass(frozen=True)
class ColumnSpec:
    """Which column of a table is what.

    Parameters
    ----------
    role : str
        What an analysis calls it, as "field".
    column : int or str
        The column's 1-based number or its name in the header.
    unit : str or None
        Its unit, or None to take it from the header. It may have a factor: "39.6 mT" where the column counts such
        steps, as a current through a magnet.
    """

    role: str
    column: int | str
    unit: str | None = None

    @classmethod
    def parse(cls, text: str) -> ColumnSpec:
        """Return the column of ``ROLE=NAME[:UNIT]``, as in "field=1:Oe" or "voltage=Lock-in X (V)".

        Raises
        ------
        UsageError
            If the text is not of that form.
        """
        role, equals, rest = (part.strip() for part in text.partition("="))
        name, colon, unit = rest.rpartition(":") if ":" in rest else (rest, "", "")
        name, unit = name.strip(), unit.strip()
        if not (role and equals and name) or (colon and not unit):
            raise UsageError(f"column '{text}' is not understood; write ROLE=NAME[:UNIT], as in field=1:Oe")
        if not re.fullmatch(r"\d+", name):
            return cls(role, name, unit or None)
        if int(name) < 1:
            raise UsageError(f"column '{text}': columns are numbered from 1")
        return cls(role, int(name), unit or None)


@dataclass(frozen=True)
class Table:
    """The columns of one spectrum or scan.

    Parameters
    ----------
    path : Path
        The file.
    columns : dict of str to (N,) float
        By role, in the units asked for, in the file's order of rows.
    header : dict of str to float
        What is the same for all rows, by role, in the units asked for: axes from the header or from a column.
    """

    path: Path
    columns: dict[str, np.ndarray]
    header: dict[str, float] = field(default_factory=dict)


def read_table(
    path: Path | str, specs: Sequence[ColumnSpec], axes: Iterable[str], units: Mapping[str, str]
) -> list[Table]:
    """Read a text table.

    Parameters
    ----------
    path : Path
        Any text table; delimiter, header lines, encoding, line ends and decimal comma are found out.
    specs : sequence of ColumnSpec
        The columns wanted.
    axes : iterable of str
        Roles that group rows: each set of their values, where they are columns, makes one table. Those that are not
        are looked for in the header, as "Frequency(GHz): 3" or "f = 9e9 Hz".
    units : mapping of str to str
        The unit in which each role is returned.

    Returns
    -------
    list of Table
        At least one; in the order in which the groups appear.

    Raises
    ------
    DataError
        If the file cannot be read, is no text, has fewer than three different rows, lacks a column or a unit, or has
        a row that is not numbers: one line that names the file, and the line in it.
    UsageError
        If a role is given twice, or a unit given does not fit.
    """
    path, axes = Path(path), list(axes)
    roles = [spec.role for spec in specs]
    for role in roles:
        if roles.count(role) > 1:
            raise UsageError(f"column '{role}' is given twice; give it once")
        if role not in units:
            raise UsageError(f"column '{role}' is not known here; there are {', '.join(units)}")
    layout = _find_table(path, _read_lines(path))
    places = {spec.role: _place(path, layout, spec) for spec in specs}
    scales = {spec.role: _scale(path, layout, spec, places[spec.role], units[spec.role]) for spec in specs}
    values = _numbers(path, layout, list(places.values()))
    if len(np.unique(values, axis=0)) < MIN_ROWS:
        raise DataError(f"{path}: fewer than {MIN_ROWS} different rows of numbers; was the run stopped at its start?")
    columns = {role: values[:, k] * scales[role] for k, role in enumerate(places)}
    header = {}
    for axis in axes:
        if axis not in columns:
            found = _from_header(path, layout.header, axis, units[axis])
            if found is not None:
                header[axis] = found
    return list(_grouped(path, columns, [axis for axis in axes if axis in columns], header))


def _read_lines(path: Path) -> list[str]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not raw.strip():
        raise DataError(f"{path}: the file is empty")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "latin-1")
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise DataError(f"{path}: not a text table: its characters cannot be decoded")
    if re.search(r"[\x00-\x08\x0e-\x1b]", text):
        raise DataError(f"{path}: not a text table: it holds binary data")
    # Only line feeds and carriage returns end a line; str.splitlines() knows a dozen others.
    return re.split(r"\r\n|\r|\n", text)


@dataclass(frozen=True)
class _Layout:
    """Where the table stands: rows are (line number, cells)."""

    header: list[str]
    names: list[str]
    rows: list[tuple[int, list[str]]]


def _find_table(path: Path, lines: list[str]) -> _Layout:
    """Find delimiter, first row and column names.

    That delimiter is taken under which most of the lines are made of numbers; the table begins at the first line of
    numbers with as many cells as most have.
    """
    best: tuple[float, str, list[tuple[int, list[str]]]] = (0.0, "", [])
    for delimiter in DELIMITERS:
        split = list(_split(lines, delimiter))
        score = sum(_numeric_part(cells) for _, cells in split if _is_row(cells))
        if score > best[0] * (1 + 1e-9):
            best = score, delimiter, split
    _, delimiter, split = best
    widths = [len(cells) for _, cells in split if _is_row(cells)]
    if not widths:
        raise DataError(f"{path}: there are no rows of numbers")
    width = max(sorted(set(widths)), key=widths.count)
    start = next(k for k, (_, cells) in enumerate(split) if len(cells) == width and _is_row(cells))
    first_line = split[start][0]
    header = lines[: first_line - 1]
    return _Layout(header, _column_names(header, delimiter, width), split[start:])


def _split(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of each line that is neither blank nor a comment."""
    comments = ("#", "%") if delimiter == ";" else ("#", "%", ";")
    if delimiter == " ":
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.lstrip().startswith(comments):
                yield number, line.split()
        return
    # Quoted cells may hold delimiters and line breaks. A quote that is never closed must not swallow the file.
    quoting = csv.QUOTE_MINIMAL if sum(line.count('"') for line in lines) % 2 == 0 else csv.QUOTE_NONE
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, quoting=quoting)
    before = 0
    try:
        for row in reader:
            number, before = before + 1, reader.line_num
            cells = [cell.strip() for cell in row]
            while cells and not cells[-1]:
                cells.pop()
            if cells and not cells[0].startswith(comments):
                yield number, cells
    except csv.Error:  # a cell longer than any number: not a table under this delimiter
        return


def _is_row(cells: list[str]) -> bool:
    """Return whether cells look like a row of the table: two numbers at least, and half of what is filled."""
    filled = [cell for cell in cells if cell]
    return _numeric_part(cells) * len(filled) >= max(2, len(filled) / 2)


def _numeric_part(cells: list[str]) -> float:
    """Return which part of the cells that are not empty is numbers."""
    filled = [cell for cell in cells if cell]
    return sum(_IS_NUMBER.fullmatch(cell) is not None for cell in filled) / len(filled) if filled else 0.0


def _column_names(header: list[str], delimiter: str, width: int) -> list[str]:
    """Return the names in the last header line that has as many cells as the table, or none."""
    for line in reversed(header):
        line = line.strip(" \r\n").lstrip("#%").strip(" ")
        if not line.strip():
            continue
        if delimiter == " ":
            cells = _SPACED_CELL.findall(line)
        else:
            cells = next(csv.reader([line], delimiter=delimiter), [])
        cells = [cell.strip().strip('"') for cell in cells]
        if len(cells) == width or (len(cells) > width and delimiter != " "):
            return cells
        break
    return []


def _place(path: Path, layout: _Layout, spec: ColumnSpec) -> int:
    """Return the index of a column."""
    if isinstance(spec.column, int):
        width = len(layout.rows[0][1])
        if spec.column > max(width, len(layout.names)):
            raise DataError(f"{path}: there is no column {spec.column} for '{spec.role}'; the table has {width}")
        return spec.column - 1
    wanted = spec.column.casefold()
    bare = [_bare(name).casefold() for name in layout.names]
    for candidates in (layout.names, [name.casefold() for name in layout.names], bare):
        places = [
            k for k, name in enumerate(candidates) if name == (spec.column, wanted)[candidates is not layout.names]
        ]
        if len(places) == 1:
            return places[0]
        if places:
            raise DataError(f"{path}: more than one column is called '{spec.column}'; give its number instead")
    known = ", ".join(f"'{name}'" for name in layout.names) or "none in its header; give its number instead"
    raise DataError(f"{path}: there is no column '{spec.column}' for '{spec.role}'; columns: {known}")


def _bare(name: str) -> str:
    match = _NAME_WITH_UNIT.fullmatch(name)
    return match["name"] if match else name


def _scale(path: Path, layout: _Layout, spec: ColumnSpec, place: int, unit: str) -> float:
    """Return the factor from the column's unit to ``unit``."""
    if spec.unit is not None:
        try:
            return _factor(spec.unit, unit)
        except UsageError as error:
            raise UsageError(f"column '{spec.role}': {error}") from error
    name = layout.names[place] if place < len(layout.names) else ""
    match = _NAME_WITH_UNIT.fullmatch(name)
    if match:
        try:
            return convert(1.0, match["unit"].strip(), unit)
        except UsageError as error:
            raise DataError(
                f"{path}: column '{name}': {error}; or say it as in {spec.role}={place + 1}:UNIT"
            ) from error
    tail = re.split(r"[_/]", name)[-1].strip()
    if tail and tail != name:  # "Field_Oe", "Field/Oe"; in "Field_sweep" the tail is no unit
        try:
            return convert(1.0, tail, unit)
        except UsageError:
            pass
    if not unit:  # a plain number needs none
        return 1.0
    raise DataError(
        f"{path}: the unit of column {place + 1} for '{spec.role}' stands neither in the header nor in the option;"
        f" say it as in {spec.role}={place + 1}:{unit}"
    )


def _factor(given: str, unit: str) -> float:
    """Return the factor from a unit, which may be a multiple as "39.6 mT", to ``unit``."""
    if given[0] in "+-.0123456789" and given != "1" and not given.startswith("1/"):
        return parse_quantity(given, unit)
    return convert(1.0, given, unit)


def _numbers(path: Path, layout: _Layout, places: list[int]) -> np.ndarray:
    """Return the wanted columns (rows, columns) as numbers."""
    wanted = [(number, [cells[p] if p < len(cells) else "" for p in places]) for number, cells in layout.rows]
    # A comma is a decimal sign only where no point is.
    decimal_comma = not any("." in cell for _, cells in wanted for cell in cells)
    values = np.empty((len(wanted), len(places)))
    for row, (number, cells) in zip(values, wanted, strict=True):
        for k, cell in enumerate(cells):
            if not _IS_NUMBER.fullmatch(cell) or ("," in cell and not decimal_comma):
                shown = f"'{cell[:40]}' is not a number" if cell else "is missing"
                raise DataError(f"{path}, line {number}: column {places[k] + 1} {shown}; correct or remove that line")
            row[k] = _float(cell)
    return values


def _float(text: str) -> float:
    return float(re.sub("[dD]", "e", text.replace(",", ".")) if "nan" not in text.lower() else "nan")


def _from_header(path: Path, header: list[str], axis: str, unit: str) -> float | None:
    """Return the value of an axis that a header line states with its unit, or None.

    Raises
    ------
    DataError
        If header lines state different values.
    """
    words = "|".join(re.escape(word) for word in (axis, axis.capitalize(), axis.upper(), *SYNONYMS.get(axis, ())))
    words += "".join(f"|{word.capitalize()}" for word in SYNONYMS.get(axis, ()) if len(word) > 1)
    pattern = re.compile(
        rf"[\s#%;\"]*(?:(?:RF|rf|MW|mw|[Mm]icrowave|[Ss]ource)[ _-])?(?:{words})\s*"
        rf"(?:[(\[]\s*(?P<before>[^)\]]*?)\s*[)\]])?\s*[:=,;\t]\s*\"?(?P<number>{_NUMBER})\s*"
        rf"[(\[]?(?P<after>[^\s,;()\[\]\"]*)"
    )
    found = set()
    for line in header:
        match = pattern.match(line)
        given = match and (match["before"] or match["after"])
        if match and given:
            try:
                found.add(float(convert(_float(match["number"]), given, unit)))
            except UsageError:
                continue  # a line of the same name that means something else
    if len(found) > 1:
        stated = ", ".join(f"{value:g} {unit}" for value in sorted(found))
        raise DataError(f"{path}: the header states different values of {axis}: {stated}; give it as a column")
    return found.pop() if found else None


def _grouped(path: Path, columns: dict[str, np.ndarray], axes: list[str], header: dict[str, float]) -> Iterator[Table]:
    """Yield one table for each set of values of the axes, in order of appearance."""
    others = {role: values for role, values in columns.items() if role not in axes}
    if not axes:
        yield Table(path, others, header)
        return
    keys = np.stack([columns[axis] for axis in axes], axis=1)
    values, first, member = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    for group in np.argsort(first):
        rows = member.ravel() == group
        own = dict(zip(axes, map(float, values[group]), strict=True))
        yield Table(path, {role: column[rows] for role, column in others.items()}, header | own)
