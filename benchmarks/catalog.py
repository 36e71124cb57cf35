"""How long 10,000 runs take: to make the catalog from their folders, to list, to search, and at the command line.

The folders are made here, each with a journal, rows and results as a run leaves them; one in ten was interrupted. Asked
is a list in 0.3 s, and ``sotlab runs list`` in 0.5 s with the start of Python; on a busy machine the processor's time
is the one to look at. Run it with ``python benchmarks/catalog.py``, with a number for another count of runs.
"""

from __future__ import annotations

import json
import os
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


def seconds(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return how long it takes by the clock and of the processor, children included, and what it returns."""
    before, started = sum(os.times()[:4]), time.perf_counter()
    result = work()
    return time.perf_counter() - started, sum(os.times()[:4]) - before, result


def median(work: Callable[[], Any]) -> tuple[str, Any]:
    """Return the medians of several rounds, as text, and what the last returned."""
    rounds = [seconds(work) for _ in range(ROUNDS)]
    clock_s, processor_s = (statistics.median(times) for times in list(zip(*rounds, strict=True))[:2])
    return f"{clock_s:.3f} s by the clock, {processor_s:.2f} s of the processor", rounds[-1][2]


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

        clock_s, processor_s, found = seconds(rebuild)
        print(f"rebuild: {found} runs, {clock_s:.1f} s by the clock, {processor_s:.1f} s of the processor")
        for name, query in (
            ("list", Query()),
            ("newest 40", Query(last=40)),
            ("frequency=6GHz..8GHz film-7", Query(terms=("frequency=6GHz..8GHz", "film-7"))),
        ):
            times, runs = median(lambda query=query: listed(root, query))
            print(f"{name}: {len(runs)} runs, {times}")
        for words in (["--help"], ["runs", "list"], ["runs", "list", "--json"]):
            where = [] if words == ["--help"] else ["--runs", str(root)]
            command = [sys.executable, "-m", "sotlab.cli", *words, *where]
            times, _ = median(lambda command=command: subprocess.run(command, capture_output=True, check=True))
            print(f"sotlab {' '.join(words)}: {times}")


if __name__ == "__main__":
    main()
