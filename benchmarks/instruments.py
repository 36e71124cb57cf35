"""How long instruments' data take to reach an array over a loopback socket, beside PyMeasure's own way.

Each :class:`Race` is one instrument of the virtual lab, ours and PyMeasure's way of reading the same data, and the
factor to reach; add one to ``RACES``. PyMeasure's ``read_binary_values`` reads byte by byte until the VISA time-out,
2 s here.

Run from the project's root: ``python benchmarks/instruments.py``.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pymeasure.adapters import VISAAdapter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sotlab.instruments.pna_n5222b import N5222B

TIMEOUT_MS = 2000
#: Reads of ours and of PyMeasure's whose median counts.
OURS, THEIRS = 50, 3


@dataclass(frozen=True)
class Race:
    """One instrument's data, read in two ways.

    Attributes
    ----------
    name : str
        What is read.
    model, wiring : str
        Its class in the bench file, and the Python source of what it is wired to.
    ours, theirs : callable
        Take the opened adapter, make ready, and return the function that is timed; both return the same array.
    to_reach : float
        The factor by which ours must be faster.
    """

    name: str
    model: str
    wiring: str
    ours: Callable[[VISAAdapter], Callable[[], np.ndarray]]
    theirs: Callable[[VISAAdapter], Callable[[], np.ndarray]]
    to_reach: float


PNA_POINTS = 1601


def prepare_pna(adapter: VISAAdapter) -> N5222B:
    vna = N5222B(adapter)
    vna.use_blocks()
    vna.ch_1.number_of_points = PNA_POINTS
    vna.ch_1.select("CH1_S11_1")
    vna.ch_1.single()
    vna.ask("*OPC?")
    return vna


def pna_ours(adapter: VISAAdapter) -> Callable[[], np.ndarray]:
    return prepare_pna(adapter).ch_1.read_complex


def pna_theirs(adapter: VISAAdapter) -> Callable[[], np.ndarray]:
    vna = prepare_pna(adapter)
    header = len(f"#5{16 * PNA_POINTS}")

    def read() -> np.ndarray:
        vna.write("CALC1:DATA? SDATA")
        values = adapter.read_binary_values(header_bytes=header, termination_bytes=-1, dtype=np.dtype("<f8"))
        return values.view(complex)

    return read


RACES = [
    Race(
        name=f"N5222B, a complex trace of {PNA_POINTS} points",
        model="pna_n5222b:N5222B",
        wiring="""
from sotlab.simulated.physics.network import Network, NetworkSpec


class Bench:
    def __init__(self, lab, streams, noise):
        self.network = Network(NetworkSpec(), None)
""",
        ours=pna_ours,
        theirs=pna_theirs,
        to_reach=100.0,
    ),
]


def milliseconds(read: Callable[[], np.ndarray], times: int) -> tuple[float, np.ndarray]:
    """Return the median time of a reading [ms], and what was read."""
    taken, values = [], np.empty(0)
    for _ in range(times):
        started = time.perf_counter()
        values = read()
        taken.append(1e3 * (time.perf_counter() - started))
    return statistics.median(taken), values


def run(race: Race, folder: Path) -> bool:
    """Serve the instrument, read it in both ways, print the times; return whether the factor is reached."""
    bench = f"""
spec: "1.1"
devices:
  device: {{class: "{race.model}"}}
resources:
  GPIB0::16::INSTR: {{device: device}}
lab: {{bench: "wiring.py:Bench"}}
"""
    (folder / "bench.yaml").write_text(bench, encoding="utf-8")
    (folder / "wiring.py").write_text(race.wiring, encoding="utf-8")
    spec = f"{folder / 'bench.yaml'}?clock=100"
    command = [sys.executable, "-m", "sotlab.cli", "lab", "serve", spec, "--port-base", "0", "--json"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        if server.stdout is None:
            raise RuntimeError("no pipe from the server")
        resource = json.loads(server.stdout.readline())["devices"][0]["resource"]
        line = {"visa_library": "@py", "read_termination": "\n", "write_termination": "\n", "timeout": TIMEOUT_MS}
        ours_ms, ours = milliseconds(race.ours(VISAAdapter(resource, **line)), OURS)
        theirs_ms, theirs = milliseconds(race.theirs(VISAAdapter(resource, **line)), THEIRS)
    finally:
        server.terminate()
        server.wait()
    np.testing.assert_array_equal(ours, theirs)
    factor = theirs_ms / ours_ms
    reached = factor >= race.to_reach
    print(
        f"{race.name}: sotlab {ours_ms:.2f} ms, PyMeasure {theirs_ms:.0f} ms, {factor:.0f} times faster; to reach:"
        f" {race.to_reach:g} times: {'reached' if reached else 'MISSED'}"
    )
    return reached


def main() -> int:
    reached = []
    for race in RACES:
        with tempfile.TemporaryDirectory() as name:
            reached.append(run(race, Path(name)))
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
