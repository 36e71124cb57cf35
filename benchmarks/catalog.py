"""How long 10,000 runs take: to make the catalog from their folders, to list, to search, and at the command line.

The folders are made here, each with a journal, rows and results as a run leaves them; one in ten was interrupted. Asked
is a list in 0.3 s, and ``sotlab runs list`` in 0.5 s with the start of Python. Run it with ``python
benchmarks/catalog.py``, with a number for another count of runs.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sotlab.procedures.runs.catalog import Catalog
from sotlab.procedures.runs.catalog_query import Query, search

ROUNDS = 7
BEGAN = datetime(2026, 1, 1).astimezone()
RESULTS = {"mu0_meff": {"value": 0.85, "sigma": 1e-3, "unit": "T"}, "alpha": {"value": 0.01, "sigma": 1e-4, "unit": ""}}


def make_runs(root: Path, count: int) -> None:
    """Write the folders of so many runs, 40 a day."""
    for number in range(count):
        began = BEGAN + timedelta(minutes=36 * number)
        run_id = f"{began:%Y%m%d-%H%M%S}-{number % 2**20:05x}"
        folder = root / f"{began:%Y-%m-%d}" / f"{run_id}_STFMRFieldSweep_film-{number % 50}"
        folder.mkdir(parents=True)
        frequency_Hz = 1e9 * (4 + number % 7)
        parameters = {f"parameter_{k}": {"name": "P", "value": float(k), "unit": "T"} for k in range(10)}
        parameters["frequency"] = {"name": "Frequency", "value": frequency_Hz, "unit": "Hz"}
        opened = {
            "event": "run_open",
            "wall": began.isoformat(),
            "run": run_id,
            "parameters": parameters,
            "simulated": True,
            "operator": "somebody",
            "sample": {"name": f"film-{number % 50}", "description": "", "device": ""},
            "station": {"spec": "virtual:stfmr", "config": {"station": {"name": "ST-FMR"}}},
        }
        closed = {"event": "run_close", "wall": began.isoformat(), "exit_status": "finished", "rows": 5, "error": None}
        events = [opened] if number % 10 == 0 else [opened, closed]
        (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
        (folder / f"{run_id}_STFMRFieldSweep.csv").write_text("Index,Field (T)\n" + "0,0.1\n" * 5, encoding="utf-8")
        (folder / "results.json").write_text(json.dumps({"results": RESULTS}), encoding="utf-8")


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return how long it takes, and what it returns."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def listed(root: Path, query: Query) -> list[dict[str, Any]]:
    with Catalog(root) as catalog:
        catalog.refresh()
        return search(catalog, query)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "runs"
        make_runs(root, count)
        time.sleep(3.5)  # folders that were just changed are read again, as they may change once more

        def rebuild() -> int:
            with Catalog(root) as catalog:
                return catalog.rebuild()

        took_s, found = seconds(rebuild)
        print(f"rebuild: {found} runs in {took_s:.1f} s ({1e3 * took_s / found:.2f} ms a run)")
        for name, query in (
            ("list", Query()),
            ("newest 40", Query(last=40)),
            ("frequency=6GHz..8GHz film-7", Query(terms=("frequency=6GHz..8GHz", "film-7"))),
        ):
            rounds = sorted(seconds(lambda query=query: listed(root, query)) for _ in range(ROUNDS))
            times_s = [took_s for took_s, _ in rounds]
            print(
                f"{name}: {len(rounds[0][1])} runs, median {statistics.median(times_s):.3f} s"
                f" ({times_s[0]:.3f} to {times_s[-1]:.3f})"
            )
        for words in (
            ["--help"],
            ["runs", "list", "--runs", str(root)],
            ["runs", "list", "--json", "--runs", str(root)],
        ):
            command = [sys.executable, "-m", "sotlab.cli", *words]
            times_s = sorted(
                seconds(lambda command=command: subprocess.run(command, capture_output=True, check=True))[0]
                for _ in range(ROUNDS)
            )
            shown = " ".join(words[:-2] if "--runs" in words else words)
            print(f"sotlab {shown}: median {statistics.median(times_s):.3f} s ({times_s[0]:.3f} to {times_s[-1]:.3f})")


if __name__ == "__main__":
    main()
