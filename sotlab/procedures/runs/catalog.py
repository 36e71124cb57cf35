"""The catalog: ``catalog.sqlite`` beside the runs, an index of what stands in their folders and nothing more.

The folders are the truth. A catalog that is missing, damaged or of another version is made again from them; one that
cannot be written is made in memory for the moment. It lies on a local disk: SQLite's locks do not hold on a network
share, so every machine has a catalog of its own.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sotlab.errors import RunError, UsageError

if TYPE_CHECKING:
    from sotlab.procedures.runs.facts import RunFacts

__all__ = ["FILE", "Catalog", "index", "root_of"]

log = logging.getLogger(__name__)

FILE = "catalog.sqlite"

#: Version of the tables; a catalog with another is made again.
VERSION = 1

#: How long another program's change is waited for [s].
PATIENCE_S = 10.0
#: A folder changed as recently as this may change once more within the tick of the disk's clock [s].
SETTLED_S = 3.0

#: As :class:`sotlab.procedures.runs.folder.RunFolder` names them.
RUN_NAME = re.compile(r"\d{8}-\d{6}-[0-9a-f]{5}_[^_]+")

#: What reading a damaged file raises.
DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)

#: What is told of a run.
TOLD = ("run", "procedure", "sample", "device", "status", "started", "ended", "rows", "operator", "station")
TOLD += ("simulated", "folder", "tags", "notes", "results", "problem")

TABLES = """
CREATE TABLE runs(
    folder TEXT PRIMARY KEY, parent TEXT NOT NULL, run TEXT, procedure TEXT, sample TEXT, device TEXT, operator TEXT,
    station TEXT, status TEXT, simulated INTEGER, started TEXT, started_s REAL, ended TEXT, rows INTEGER, problem TEXT,
    results TEXT, tags TEXT, notes TEXT, words TEXT, stamp TEXT);
CREATE TABLE quantities(folder TEXT, kind TEXT, name TEXT, value REAL, unit TEXT, text TEXT);
CREATE TABLE parents(parent TEXT PRIMARY KEY, changed_ns INTEGER);
CREATE INDEX runs_started ON runs(started_s, folder);
CREATE INDEX runs_parent ON runs(parent);
CREATE INDEX quantities_folder ON quantities(folder);
CREATE INDEX quantities_name ON quantities(name, value);
"""


class Catalog:
    """The index of the runs below a folder.

    Parameters
    ----------
    root : Path
        The folder of runs.

    Attributes
    ----------
    problem : str
        Why the catalog was made again, or cannot be kept; empty if all is well.

    Raises
    ------
    RunError
        If there is no such folder.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise RunError(f"{root}: there is no folder of runs; say where it is with --runs")
        self.root = root
        self.problem = ""
        self._path = root / FILE
        try:
            self._database = self._opened()
        except DAMAGE as error:
            self._database = self._replaced(error)

    def __enter__(self) -> Catalog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def refresh(self) -> None:
        """Take up what has changed: runs that are new, gone, or were not finished when they were last read."""
        try:
            self._refresh()
        except RunError:  # a full disk, or another program that holds it: the folders can be read all the same
            self._database.close()
            self._database = self._in_memory()
            self._refresh()
        except DAMAGE as error:  # damaged beyond its first page
            self._database.close()
            self._database = self._replaced(error)
            self._refresh()

    def rebuild(self) -> int:
        """Make the catalog again from the folders and return how many runs it has."""
        self._database.close()
        self._database = self._replaced(None)
        self._refresh()
        return self._database.execute("SELECT count(*) FROM runs").fetchone()[0]

    def put(self, folder: Path) -> None:
        """Read one run and put it in place of what the catalog has of it."""
        with self._changing():
            self._put([folder])

    def select(self, condition: str = "1", values: Iterable[Any] = (), last: int = 0) -> list[dict[str, Any]]:
        """Return the runs that meet an SQL condition on the table ``runs``, oldest first.

        Parameters
        ----------
        condition : str
            SQL with ``?`` for each of ``values``.
        last : int
            Only so many of the newest; 0 for all.
        """
        limit = f"LIMIT {int(last)}" if last else ""
        try:
            rows = self._database.execute(
                f"SELECT {', '.join(TOLD)} FROM runs WHERE {condition} ORDER BY started_s DESC, folder DESC {limit}",
                tuple(values),
            ).fetchall()
            return self._told(rows[::-1])
        except (*DAMAGE, ValueError, TypeError) as error:  # a value that is none of ours
            raise RunError(
                f"{self._path}: the catalog is damaged: {error}; make it again: sotlab runs rebuild"
            ) from error

    def quantities(self, name: str) -> list[tuple[str, bool]]:
        """Return the units of what is called ``name``, and whether it is text; what is not known anywhere has none."""
        found = self._database.execute(
            "SELECT DISTINCT unit, value IS NULL AS is_text FROM quantities"
            " WHERE name = ? AND (value IS NOT NULL OR text <> '')",
            (name,),
        )
        return sorted((unit, bool(is_text)) for unit, is_text in found)

    def quantity_names(self) -> list[str]:
        """Return the names of all parameters and results."""
        return [row[0] for row in self._database.execute("SELECT DISTINCT name FROM quantities ORDER BY name")]

    def find(self, text: str) -> Path:
        """Return the folder of the run that ``text`` names: a path, a run's id, or the beginning or end of one.

        Raises
        ------
        UsageError
            If there is none, or several.
        """
        if RUN_NAME.match(Path(text).resolve().name) and Path(text).is_dir():
            return Path(text)
        wanted = text.rstrip("/\\")
        found = self.select("run = ? OR folder = ?", [wanted, wanted])
        found = found or self.select("instr(run, ?) = 1 OR substr(run, -length(?)) = ?", [wanted, wanted, wanted])
        if not wanted or not found:
            raise UsageError(f"there is no run '{text}' in {self.root}; sotlab runs list shows what there is")
        if len(found) > 1:
            some = ", ".join(row["folder"] for row in found[:3])
            raise UsageError(f"{len(found)} runs are called '{text}': {some}; say more of its name, or give its folder")
        return Path(found[0]["folder"])

    # -- the file ------------------------------------------------------------------------------------------------

    def _opened(self) -> sqlite3.Connection:
        until_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self._prepared(sqlite3.connect(self._path, timeout=PATIENCE_S))
            except sqlite3.OperationalError as error:
                # Whoever changes the journal's mode at the same time is told so at once, whatever the time-out.
                if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY and time.monotonic() < until_s:
                    time.sleep(0.01)
                    continue
                # No place for it here; the folders can be read all the same.
                self.problem = f"{self._path}: the catalog cannot be kept: {error}; made in memory for this once"
                return self._in_memory()

    def _in_memory(self) -> sqlite3.Connection:
        return self._prepared(sqlite3.connect(":memory:"))

    def _prepared(self, database: sqlite3.Connection) -> sqlite3.Connection:
        database.create_function("fold", 1, lambda text: text and text.casefold(), deterministic=True)
        database.isolation_level = None  # transactions are begun where they are meant
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = OFF")  # only an index: `rebuild` makes it anew from the folders
            if database.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                self._make_tables(database)
            database.execute("SELECT folder, stamp FROM runs LIMIT 1").fetchone()
        except DAMAGE:
            database.close()
            raise
        return database

    @staticmethod
    def _make_tables(database: sqlite3.Connection) -> None:
        with _transaction(database):
            if database.execute("PRAGMA user_version").fetchone()[0] == VERSION:
                return  # another process was faster
            for kind in ("table", "index", "view", "trigger"):
                names = database.execute(
                    "SELECT name FROM sqlite_master WHERE type = ? AND name NOT LIKE 'sqlite%'", (kind,)
                ).fetchall()
                for (name,) in names:
                    database.execute('DROP {} IF EXISTS "{}"'.format(kind, name.replace('"', '""')))
            for statement in TABLES.split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {VERSION}")

    def _replaced(self, error: Exception | None) -> sqlite3.Connection:
        """Return a new, empty catalog in place of the file."""
        if error is not None:
            self.problem = f"{self._path}: the catalog was damaged ({error}) and is made again from the folders"
        try:
            for tail in ("", "-wal", "-shm"):
                Path(f"{self._path}{tail}").unlink(missing_ok=True)
        except OSError as refused:
            self.problem = f"{self._path}: the catalog cannot be replaced: {refused.strerror}; made in memory this once"
            return self._in_memory()
        return self._opened()

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Begin and end a transaction; a full or read-only disk leaves the catalog as it is."""
        try:
            with _transaction(self._database):
                yield
        except sqlite3.OperationalError as error:
            self.problem = f"{self._path}: the catalog cannot be written: {error}"
            raise RunError(
                self.problem + "; free the disk, or use sotlab runs from an account that may write"
            ) from error

    # -- what it holds -------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        now_ns = time.time_ns()
        known = dict(self._database.execute("SELECT parent, changed_ns FROM parents").fetchall())
        parents = dict(self._parents())
        changed = [parent for parent, changed_ns in parents.items() if known.get(parent) != changed_ns]
        gone = known.keys() - parents.keys()
        unfinished = self._database.execute("SELECT folder, stamp FROM runs WHERE status <> 'finished'").fetchall()
        stale = [folder for folder, stamp in unfinished if _stamp(f"{self.root}{os.sep}{folder}") != stamp]
        if not (changed or gone or stale):
            return
        with self._changing():
            for parent in gone:
                self._forget("parent = ?", parent)
                self._database.execute("DELETE FROM parents WHERE parent = ?", (parent,))
            for parent in changed:
                self._refresh_parent(parent)
                settled = now_ns - parents[parent] > SETTLED_S * 1e9
                self._database.execute(
                    "INSERT OR REPLACE INTO parents VALUES (?, ?)", (parent, parents[parent] if settled else -1)
                )
            self._put(self.root / folder for folder in stale if (self.root / folder).is_dir())

    def _parents(self) -> Iterator[tuple[str, int]]:
        """Yield the folders in which runs lie, the root and those of its days, and when they changed [ns]."""
        yield ".", self.root.stat().st_mtime_ns
        with os.scandir(self.root) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.is_dir() and not RUN_NAME.match(entry.name):
                        yield entry.name, entry.stat().st_mtime_ns

    def _refresh_parent(self, parent: str) -> None:
        there: set[str] = set()
        with contextlib.suppress(OSError), os.scandir(self.root / parent) as entries:
            there = {_key(parent, entry.name) for entry in entries if RUN_NAME.match(entry.name) and entry.is_dir()}
        rows = self._database.execute("SELECT folder FROM runs WHERE parent = ?", (parent,)).fetchall()
        indexed = {folder for (folder,) in rows}
        for folder in indexed - there:
            self._forget("folder = ?", folder)
        self._put(self.root / folder for folder in sorted(there - indexed))

    def _put(self, folders: Iterable[Path]) -> None:
        for folder in folders:
            from sotlab.procedures.runs.facts import read_facts  # late: a list of runs that are known reads none

            stamp = _stamp(str(folder))  # before it is read: what is written meanwhile will be read again
            try:
                facts = read_facts(folder)
            except RunError as error:  # it went away
                log.debug("not indexed: %s", error)
                continue
            self._insert(facts, stamp)

    def _insert(self, facts: RunFacts, stamp: str) -> None:
        parent = Path(os.path.relpath(facts.folder.parent.resolve(), self.root.resolve())).as_posix()
        folder = _key(parent, facts.folder.name)
        self._forget("folder = ?", folder)
        results = {name: {"value": q.value, "sigma": q.sigma, "unit": q.unit} for name, q in facts.results.items()}
        notes = [vars(note) for note in facts.notes]
        words = [facts.run, facts.procedure, facts.sample, facts.description, facts.device, facts.operator]
        words += [facts.station, facts.problem, *facts.tags, *(note.text for note in facts.notes)]
        row = {
            "folder": folder,
            "parent": parent,
            "run": facts.run,
            "procedure": facts.procedure,
            "sample": facts.sample,
            "device": facts.device,
            "operator": facts.operator,
            "station": facts.station,
            "status": facts.status,
            "simulated": facts.simulated,
            "started": facts.started,
            "started_s": _seconds(facts.started),
            "ended": facts.ended,
            "rows": facts.rows,
            "problem": facts.problem,
            "results": json.dumps(results) if results else None,
            "tags": json.dumps(list(facts.tags)) if facts.tags else None,
            "notes": json.dumps(notes) if notes else None,
            "words": "\n".join(words).casefold(),
            "stamp": stamp,
        }
        marks = ", ".join("?" * len(row))
        self._database.execute(
            f"INSERT INTO runs({', '.join(row)}) VALUES ({marks})", tuple(map(_storable, row.values()))
        )
        self._database.executemany(
            "INSERT INTO quantities VALUES (?, ?, ?, ?, ?, ?)",
            [
                (folder, kind, _storable(name), quantity.value, quantity.unit, quantity.text)
                for kind, found in (("parameter", facts.parameters), ("result", facts.results))
                for name, quantity in found.items()
            ],
        )

    def _forget(self, condition: str, value: str) -> None:
        self._database.execute(
            f"DELETE FROM quantities WHERE folder IN (SELECT folder FROM runs WHERE {condition})", (value,)
        )
        self._database.execute(f"DELETE FROM runs WHERE {condition}", (value,))

    def _told(self, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = [dict(zip(TOLD, row, strict=True)) for row in rows]
        for name, empty in (("results", "{}"), ("tags", "[]"), ("notes", "[]")):
            # As one text: to parse ten thousand small ones takes twice as long.
            parsed = json.loads(f"[{','.join([run[name] or empty for run in runs])}]")
            for run, value in zip(runs, parsed, strict=True):
                run[name] = value
        for run in runs:
            run["simulated"] = {0: False, 1: True}.get(run["simulated"])
            run["folder"] = f"{self.root}{os.sep}{run['folder'].replace('/', os.sep)}"
            run["problem"] = run["problem"] or None
        return runs


def index(folder: Path) -> None:
    """Put a run into the catalog beside it: called when it has ended with its results, and when something is added.

    An index must never make a run fail: what prevents it is logged, and the next list takes the run up.
    """
    try:
        with Catalog(root_of(folder)) as catalog:
            catalog.put(folder)
    except (RunError, sqlite3.Error, OSError, ValueError) as error:
        log.warning("not in the catalog yet: %s", error)


def root_of(folder: Path) -> Path:
    """Return the folder of runs that a run lies in: above its day, if it lies in one."""
    parent = folder.resolve().parent
    return parent.parent if re.fullmatch(r"\d{4}-\d{2}-\d{2}", parent.name) else parent


@contextlib.contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _key(parent: str, name: str) -> str:
    return name if parent == "." else f"{parent}/{name}"


def _stamp(folder: str) -> str:
    """Return what changes when the run does: time and size of its journal and of its notes."""
    parts = []
    for name in ("events.jsonl", "notes.jsonl"):
        try:
            status = os.stat(f"{folder}{os.sep}{name}")
            parts.append(f"{status.st_mtime_ns}:{status.st_size}")
        except OSError:
            parts.append("-")
    return " ".join(parts)


def _seconds(started: str) -> float | None:
    from datetime import datetime

    try:
        return datetime.fromisoformat(started).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, int) and abs(value) >= 2**63:
        return None
    return value
