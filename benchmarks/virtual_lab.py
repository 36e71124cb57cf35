"""What the virtual lab costs: queries, coupled readings and traces beside plain pyvisa-sim, all in one run.

Each figure is the median over rounds of the processor's time for a call, which is the wall time on an idle computer;
the rows take turns in each round, and a ratio is the median of the rounds' ratios. Run it with
``python benchmarks/virtual_lab.py``.

=========  ==========================================================================================  =============
row        like with like                                                                              wanted
=========  ==========================================================================================  =============
query      ``*IDN?`` by PyVISA's query, same terminations, on both                                      <= 1x
lock-in    ``OUTP? 1`` of an SR830 on the ST-FMR physics, its noise on, 1 ms after the last; field       <= 10x a query
           at rest, and field moving
trace      1601 complex points: REAL,64 block read by query_binary_values, beside ASCII text of the     >= 500x faster
           same numbers read by query_ascii_values on plain pyvisa-sim
gap        ``OUTP? 1`` after 1 ms, 1 s, 60 s and 10 h of bench time without a look                       no growth
=========  ==========================================================================================  =============
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyvisa

ROUNDS = 15
POINTS = 1601
GAPS_S = (1e-3, 1.0, 60.0, 36000.0)

BENCH_CODE = '''
from sotlab.simulated.benches.stfmr import STFMR
from sotlab.simulated.physics.network import Network, NetworkSpec


class Benchmark(STFMR):
    """The ST-FMR bench, with a lock-in on what the sample rectifies and a network beside it."""

    def __init__(self, lab, streams, noise):
        super().__init__(lab, streams, noise)
        self.network = Network(NetworkSpec(), streams("network"))

    def lockin_input(self, name, t_s, harmonic):
        return complex(self.voltage_V(name, t_s))

    def lockin_noise(self, name):
        return 20e-9
'''

OURS = """
spec: "1.1"
devices:
  lockin: {class: "sr830:SR830", options: {input: hall}}
  microwave: {class: "e8257d:E8257D"}
  field: {class: "kepco_bop:KepcoBOP5020MG"}
  vna: {class: "pna_n5222b:N5222B"}
resources:
  GPIB0::8::INSTR: {device: lockin}
  GPIB0::19::INSTR: {device: microwave}
  GPIB0::6::INSTR: {device: field}
  GPIB0::16::INSTR: {device: vna}
lab: {bench: "benchmark.py:Benchmark", sample: nife_bisb_10nm.yaml}
"""

PLAIN = """
spec: "1.1"
devices:
  plain:
    eom:
      GPIB INSTR: {{q: "\\n", r: "\\n"}}
    dialogues:
      - {{q: "*IDN?", r: "{identity}"}}
      - {{q: "CALC:DATA? SDATA", r: "{trace}"}}
resources:
  GPIB0::1::INSTR: {{device: plain}}
"""


def per_call_s(action: Callable[[], Any], calls: int) -> float:
    """Return the processor's time for a call [s]."""
    start_s = time.thread_time()
    for _ in range(calls):
        action()
    return (time.thread_time() - start_s) / calls


def spaced(clock: Any, gap_s: float, ask: Callable[[], Any], calls: int) -> float:
    """Return the processor's time for a call that comes ``gap_s`` of bench time after the one before [s]."""
    total_s = 0.0
    for _ in range(calls):
        clock.sleep(gap_s)
        start_s = time.thread_time()
        ask()
        total_s += time.thread_time() - start_s
    return total_s / calls


def opened(manager: Any, address: str) -> Any:
    return manager.open_resource(address, read_termination="\n", write_termination="\n", timeout=1_000_000)


def measure(folder: Path) -> dict[str, list[float]]:
    """Return the times of each row, one for each round [s]."""
    (folder / "benchmark.py").write_text(BENCH_CODE, encoding="utf-8")
    (folder / "ours.yaml").write_text(OURS, encoding="utf-8")
    ours = pyvisa.ResourceManager(f"{folder / 'ours.yaml'}?clock=virtual@sotlab")
    lockin, microwave, field, vna = (opened(ours, f"GPIB0::{address}::INSTR") for address in (8, 19, 6, 16))
    clock = ours.visalib.clock

    microwave.write("FREQ 7 GHZ;:POW 15;:OUTP ON")
    field.write("VOLT 50;:CURR 4;:OUTP ON")
    lockin.write("OFLT 8;OFSL 3")  # 0.1 s, 24 dB per octave
    vna.write(f"SENS:SWE:POIN {POINTS};:SENS:SWE:MODE SING;:FORM REAL,64")
    vna.query("*OPC?")
    clock.sleep(100.0)

    vna.read_termination = None  # a block may hold a line feed; PyVISA reads it by its length

    def trace() -> Any:
        return vna.query_binary_values("CALC:DATA? SDATA", datatype="d", is_big_endian=True, container=np.array)

    values = trace()
    if len(values) != 2 * POINTS:
        raise RuntimeError(f"{len(values)} numbers in the trace instead of {2 * POINTS}")
    text = ",".join(f"{value:+.11E}" for value in values)  # as the PNA's ASCII format
    (folder / "plain.yaml").write_text(PLAIN.format(identity=lockin.query("*IDN?"), trace=text), encoding="utf-8")
    plain = opened(pyvisa.ResourceManager(f"{folder / 'plain.yaml'}@sim"), "GPIB0::1::INSTR")
    if len(plain.query_ascii_values("CALC:DATA? SDATA")) != len(values):
        raise RuntimeError("plain pyvisa-sim's trace has another length")

    def ask() -> Any:
        return lockin.query("OUTP? 1")

    def moving() -> float:
        """Ask while the magnet ramps through the line; a ramp of 8 A takes about a second."""
        nonlocal target_A
        total_s, calls = 0.0, 0
        for _ in range(3):
            target_A = 8.0 - target_A
            field.write(f"CURR {target_A}")
            for _ in range(50):
                total_s += spaced(clock, 1e-3, ask, 1)
                calls += 1
            clock.sleep(2.0)
        return total_s / calls

    target_A = 8.0
    rows: dict[str, Callable[[], float]] = {
        "plain query": lambda: per_call_s(lambda: plain.query("*IDN?"), 500),
        "query": lambda: per_call_s(lambda: lockin.query("*IDN?"), 500),
        "lock-in, field at rest": lambda: spaced(clock, 1e-3, ask, 300),
        "lock-in, field moving": moving,
        "plain trace (ASCII)": lambda: per_call_s(lambda: plain.query_ascii_values("CALC:DATA? SDATA"), 2),
        "trace (binary)": lambda: per_call_s(trace, 100),
        **{f"gap {gap_s:g} s": (lambda gap_s=gap_s: spaced(clock, gap_s, ask, 200)) for gap_s in GAPS_S},
    }
    for row in rows.values():
        row()  # warms caches
    times: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(ROUNDS):
        for name, row in rows.items():
            if name == "lock-in, field at rest":
                clock.sleep(30.0)
            times[name].append(row())
    ours.close()
    return times


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        times = measure(Path(folder))
    print(f"{'':26}{'median':>12}{'from':>12}{'to':>12}   [us], {ROUNDS} rounds")
    for name, found in times.items():
        print(f"{name:26}{1e6 * statistics.median(found):12.1f}{1e6 * min(found):12.1f}{1e6 * max(found):12.1f}")
    print(f"\n{'ratio':44}{'median':>8}{'from':>8}{'to':>8}   wanted")
    for above, below, wanted in (
        ("query", "plain query", "<= 1"),
        ("lock-in, field at rest", "plain query", "<= 10"),
        ("lock-in, field moving", "plain query", "<= 10"),
        ("plain trace (ASCII)", "trace (binary)", ">= 500"),
        *((f"gap {gap_s:g} s", f"gap {GAPS_S[0]:g} s", "about 1") for gap_s in GAPS_S[1:]),
    ):
        ratios = [a / b for a, b in zip(times[above], times[below], strict=True)]
        label = f"{above} / {below}"
        print(f"{label:44}{statistics.median(ratios):8.2f}{min(ratios):8.2f}{max(ratios):8.2f}   {wanted}")


if __name__ == "__main__":
    main()
