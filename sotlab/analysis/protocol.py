"""What an analysis is: the contract for ours and for those that a lab adds. docs/adding_an_analysis.md explains it.

An analysis is pure: it gets arrays and settings in SI units and returns values with uncertainties. Where they come from
(run folders, text tables, dotTHz files, text on the command line) is not its concern.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from pydantic import BaseModel, Field

from sotlab.analysis.values import LiveFit, Reduction

__all__ = ["Analysis", "from_files", "from_sample_file", "reads_runs_for", "setting"]


def setting(default: Any, description: str, unit: str = "", **limits: Any) -> Any:
    """Return a field of an analysis' settings.

    How its text on the command line is read follows from its annotation: a ``float`` is a number in ``unit`` ("10 mT"),
    a `Value` a number with its sigma ("350.3+-2 uohm*cm"), a ``tuple`` several of these with commas between; all else
    (``Literal``, ``str``, ``bool``) is taken as it stands.

    Parameters
    ----------
    default : object
        Its default; ``...`` where it must be given.
    description : str
        What it is, in a few words.
    unit : str
        The SI unit that the analysis takes it in; "" for a plain number or a word.
    **limits
        As pydantic has them: ``ge``, ``gt``, ``le``, ``lt``.
    """
    return Field(default, description=description, json_schema_extra={"unit": unit} if unit else None, **limits)


def from_files(description: str) -> Any:
    """Return a field of an analysis' settings that names files: it gets the datasets read from them, as a tuple.

    The files are read as those to be reduced are, with the same columns.
    """
    return Field((), description=description, json_schema_extra={"files": True}, exclude=True)


def from_sample_file(description: str) -> Any:
    """Return a field of an analysis' settings that names a sample file: it gets what the file says, as a mapping."""
    return Field(None, description=description, json_schema_extra={"sample_file": True})


class Analysis(Protocol):
    """An analysis: entry point ``sotlab.analyses``, or ``module:Class`` or ``file.py:Class`` on the command line.

    Attributes
    ----------
    kind : str
        Its name on the command line.
    title : str
        What a report calls it.
    schema : int
        Version of the layout of its results.
    columns : mapping of str to str
        The roles of columns that it can take, each with the unit in which it takes them ("1" for plain numbers).
    axes : mapping of str to str
        Likewise, what is the same for all rows of a dataset: rows are grouped by it. From a column, a run's column, or
        a header line of a table.
    required : sequence of sequence of str
        Which columns it must have: those of one of these alternatives at least.
    takes_sample : bool
        Optional: whether ``dataset`` also takes ``sample``, what the sample file of a run says, or None.
    also_reads : sequence of str
        Optional: kinds of other analyses whose runs it takes too.
    beside : callable
        Optional: takes the rows of a reduction as JSON has them and returns a :class:`Curve` for each that is to be
        shown beside the points of a run, as the spectra of delay scans.
    settings : type
        A pydantic model of what it must be told, of `setting` and `from_files`.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    schema: ClassVar[int]
    columns: ClassVar[Mapping[str, str]]
    axes: ClassVar[Mapping[str, str]]
    required: ClassVar[Sequence[Sequence[str]]]
    settings: ClassVar[type[BaseModel]]

    def dataset(
        self, columns: Mapping[str, np.ndarray], axes: Mapping[str, float], *, name: str, simulated: bool
    ) -> Any:
        """Return what ``reduce`` takes, of rows that belong together; called for each group of rows of each file.

        Parameters
        ----------
        columns : mapping of str to (N,) float
            By role, in the units declared, in the order of measurement.
        axes : mapping of str to float
            By role; those that neither file nor run says are absent.
        name : str
            Where they come from.
        simulated : bool
            True if virtual instruments measured them.

        Raises
        ------
        DataError
            If these rows are of no use: one line that names them. Other files are still reduced.
        """
        ...

    def live(self, columns: Mapping[str, np.ndarray], settings: Any) -> LiveFit | None:
        """Return what the rows of a run say so far, or None; columns and axes by role, as arrays."""
        ...

    def reduce(self, datasets: Sequence[Any], settings: Any) -> Reduction:
        """Reduce all datasets together.

        Raises
        ------
        UsageError
            If a setting is missing, or does not fit the data.
        """
        ...


def reads_runs_for(analysis: Analysis, kind: str) -> bool:
    """Return whether an analysis takes runs that are for the analysis called ``kind``: itself, or one it also reads."""
    return kind in (analysis.kind, *getattr(analysis, "also_reads", ()))
