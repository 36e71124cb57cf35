"""At each message that a procedure sends, something goes wrong: it ends in one line, and with a bench that is safe.

The messages are those of a trace of the undisturbed run; a fault that never struck would test nothing, and fails.
"""

import json
import re

import pytest

from sotlab.errors import SotlabError
from sotlab.instruments.station import Station
from sotlab.instruments.trace import Trace
from sotlab.procedures.harmonic_hall_angle_scan import HarmonicHallAngleScan
from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.run import Run
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

PROCEDURES = {
    "stfmr": (STFMRFieldSweep, {"start": "50 mT", "stop": "52 mT", "points": 2}),
    "harmonic_hall": (HarmonicHallAngleScan, {"field": "0.5 T", "stop": "20 deg", "points": 2}),
}
#: An exception of the library, an answer that does not come, one that is none, an instrument that hangs from there on.
FAULTS = {
    "lost": {"kind": "unplug"},
    "silent": {"kind": "no_reply", "count": 5},
    "garbage": {"kind": "wrong_reply", "text": "@#!", "count": 5},
    "hang": {"kind": "hang"},
}


def measure(name, folder, trace=None, fault=None):
    """Run a procedure on a bench of its own; return the run, the bench's outputs afterwards, and its faults."""
    scan_class, values = PROCEDURES[name]
    spec = f"virtual:{name}?seed=1"
    with Station.open(spec, roles=(), trace=trace) as bench:
        lab = bench.visa_library.lab
        if fault is not None:
            lab.faults.add(fault)
        scan = scan_class(station=spec, **values)
        scan.use(bench)
        run = Run(scan, folder)
        with run:
            pass
        with bench.clock.idle():
            lab.clock.sleep(60.0)  # a superconducting magnet is on its way to zero
        outputs = lab.actuators()
        struck = sum(one["hits"] for one in lab.faults.describe())
    return run, outputs, struck


def call_sites(path):
    """Return the distinct messages of a trace, as (address, pattern): numbers may be others in another run."""
    sites = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["direction"] == "write" and "text" in entry:
            pattern = re.sub(r"[-+]?[0-9][0-9.]*(E[-+]?[0-9]+)?", "§", entry["text"], flags=re.IGNORECASE)
            pattern = re.escape(pattern).replace("§", r"[-+0-9.Ee]+")
            sites.setdefault((entry["resource"], f"^{pattern}$"), entry["role"])
    return sites


def is_safe(outputs, name):
    if name == "stfmr":
        return not outputs["microwave"]["on"] and outputs["magnet"]["current_set_A"] == 0.0
    return outputs["strip"]["amplitude_A_peak"] == 0.0 and outputs["magnet"]["supply_A"] == 0.0


@pytest.mark.parametrize(
    ("name", "kind"), [*(("stfmr", kind) for kind in FAULTS), ("harmonic_hall", "garbage"), ("harmonic_hall", "hang")]
)
def test_whatever_fails_wherever_it_does(name, kind, tmp_path):
    trace = Trace(tmp_path / "trace.jsonl")
    run, outputs, _ = measure(name, tmp_path / "undisturbed", trace)
    trace.close()
    run.raise_error()
    assert is_safe(outputs, name)
    sites = call_sites(trace.path)
    assert len(sites) > 20
    for number, ((resource, pattern), role) in enumerate(sites.items()):
        if kind in ("silent", "garbage") and not pattern.endswith(r"\?$"):
            continue  # there is no answer to be lost
        run, outputs, struck = measure(
            name, tmp_path / str(number), fault={"device": resource, "match": pattern, **FAULTS[kind]}
        )
        site = f"{kind} at {role} {pattern}"
        assert struck, f"{site}: never reached"
        error = run.worker.error
        assert error is None or isinstance(error, SotlabError), f"{site}: {error!r}"
        assert "\n" not in str(error)
        if error is not None:
            assert role in str(error), f"{site}: {error}"
        unsafe = run.worker.unsafe or ""
        # what does not answer may be on; nothing else may, and it is said
        assert is_safe(outputs, name) or role in unsafe, f"{site}: {outputs}"
        closed = read_journal(run.folder.journal)[-1]
        assert closed["event"] == "run_close"
        assert closed["exit_status"] == ("failed" if error else "finished"), site
        if run.folder.data.exists():
            rows = read_run(run.folder.path).rows
            assert list(rows["Index"]) == list(range(len(rows)))
            assert len(rows) == closed["rows"]
            assert rows.empty or rows.select_dtypes("number").shape[1] == rows.shape[1], f"{site}: {rows}"
