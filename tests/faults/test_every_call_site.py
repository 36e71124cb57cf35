"""At each message that a procedure sends, something goes wrong: it ends in one line, and with a bench that is safe.

The messages are those of a trace of the undisturbed run; a fault that never struck would test nothing, and fails. A
message that several procedures send on one bench is tried in the first of them. ``SOTLAB_CALL_SITES=kinds`` tries each
kind of fault there, ``all`` in each procedure, at the first and at the last time that a message is sent.
"""

import json
import os
import re
from collections import Counter
from importlib.metadata import entry_points

import pytest

from sotlab.errors import SotlabError
from sotlab.instruments.station import Station
from sotlab.instruments.trace import Trace
from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.run import Run

ASKED = os.environ.get("SOTLAB_CALL_SITES", "")
ALL = ASKED == "all"
#: Bench and settings of a short run of each procedure that is installed, and the kinds of fault that the suite tries.
PROCEDURES = {
    "STFMRFieldSweep": ("stfmr", {"start": "50 mT", "stop": "52 mT", "points": 2}, "lost silent garbage hang"),
    "AMRAngleScan": ("stfmr", {"points": 6, "repeats": 1}, "garbage hang"),
    "HarmonicHallAngleScan": ("harmonic_hall", {"field": "0.5 T", "stop": "20 deg", "points": 2}, "garbage"),
    "HallLoop": ("transport", {"points": 5, "field": "0.3 T"}, "garbage"),
    "VanDerPauw": ("transport", {"repeats": 1}, "garbage"),
    "HarmonicHallOneLockin": (
        "transport",
        {"field": "0.3 T", "stop": "20 deg", "points": 2, "amplitude": "1 uA"},
        "garbage",
    ),
    "ThzDelayScan": ("thz", {"points": 16, "scans": 2}, "garbage"),
    "ThzFlyScan": ("thz", {"scans": 2}, "garbage"),
    # Those that send what others send are tried with SOTLAB_CALL_SITES=all only.
    "STFMRFrequencySeries": ("stfmr", {"points": 8, "frequencies": 2}, ""),
    "STFMRFrequencySweep": ("stfmr", {"points": 8}, ""),
    "STFMRResonanceSearch": ("stfmr", {"points": 8}, ""),
    "STFMRAngleSeries": ("stfmr", {"points": 8, "angles": 2}, ""),
    "STFMRPowerSeries": ("stfmr", {"points": 8, "powers": 2}, ""),
    "STFMRBiasSeries": ("stfmr", {"points": 8, "biases": 2, "bias": "-0.02 mA", "bias_stop": "0.02 mA"}, ""),
    "STFMRAdaptiveSweep": ("stfmr", {"points": 12, "most": 12}, ""),
    "HarmonicHallCurrentSeries": ("harmonic_hall", {"field": "0.5 T", "stop": "20 deg", "points": 2}, ""),
    "HarmonicHallFieldSweep": ("harmonic_hall", {"points": 5, "states": "up"}, ""),
    "PlanarHallScan": ("harmonic_hall", {"points": 8}, ""),
    "CurrentSwitching": ("transport", {"points": 5}, ""),
    "FourPointResistance": ("transport", {"points": 3}, ""),
    "ResistanceTemperature": ("transport", {"points": 2, "temperature_stop": "299 K"}, ""),
    "ThzAzimuthScan": ("thz", {"points": 16, "scans": 2, "angles": 2}, ""),
    "ThzAzimuthFlyScan": ("thz", {"scans": 2, "angles": 2}, ""),
    "ThzFieldAngleScan": ("thz", {"points": 16, "scans": 2, "angles": 2}, ""),
    "ThzFieldAngleFlyScan": ("thz", {"scans": 2, "angles": 2}, ""),
    "ThzFluenceScan": ("thz", {"points": 16, "scans": 2, "fluences": 2}, ""),
    "ThzFluenceFlyScan": ("thz", {"scans": 2, "fluences": 2}, ""),
}
#: An exception of the library, an answer that does not come, one that is none, an instrument that hangs from there on.
FAULTS = {
    "lost": {"kind": "unplug"},
    "silent": {"kind": "no_reply", "count": 5},
    "garbage": {"kind": "wrong_reply", "text": "@#!", "count": 5},
    "hang": {"kind": "hang"},
}


def measure(name, folder, trace=None, fault=None):
    """Run a procedure on a bench of its own; return the run, the bench's outputs afterwards, and the fault's hits."""
    bench_name, values, _ = PROCEDURES[name]
    spec = f"virtual:{bench_name}?seed=1"
    (entry,) = entry_points(group="sotlab.procedures", name=name)
    with Station.open(spec, roles=(), trace=trace) as bench:
        lab = bench.visa_library.lab
        if fault is not None:
            lab.faults.add(fault)
        scan = entry.load()(station=spec, **values)
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
    """Return the distinct messages of a trace, as (address, pattern): numbers may be others in another run.

    With each, its role and how often it is sent.
    """
    roles, times = {}, Counter()
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["direction"] == "write" and "text" in entry:
            pattern = re.sub(r"[-+]?[0-9][0-9.]*(E[-+]?[0-9]+)?", "§", entry["text"], flags=re.IGNORECASE)
            pattern = re.escape(pattern).replace("§", r"[-+0-9.Ee]+")
            site = (entry["resource"], f"^{pattern}$")
            roles.setdefault(site, entry["role"])
            times[site] += 1
    return {site: (role, times[site]) for site, role in roles.items()}


@pytest.fixture(scope="module")
def sites_of(tmp_path_factory):
    """Return a function that says which messages are tried in a procedure: {(address, pattern): (role, times)}."""
    traced = {}

    def of(name):
        if name not in traced:
            folder = tmp_path_factory.mktemp(name)
            trace = Trace(folder / "trace.jsonl")
            run, outputs, _ = measure(name, folder, trace)
            trace.close()
            run.raise_error()
            assert safe_but_for(outputs, PROCEDURES[name][0]) == []
            traced[name] = call_sites(trace.path)
        return traced[name]

    def new_in(name):
        known = set()
        for earlier, (bench, _, kinds) in PROCEDURES.items():
            if earlier == name:
                break
            if bench == PROCEDURES[name][0] and kinds and not ALL:
                known |= of(earlier).keys()
        return {site: told for site, told in of(name).items() if site not in known}

    return new_in


def safe_but_for(outputs, bench):
    """Return the outputs that are not as the bench is safe."""
    if bench == "stfmr":
        safe = {"microwave": not outputs["microwave"]["on"], "magnet": outputs["magnet"]["current_set_A"] == 0.0}
    elif bench == "harmonic_hall":
        safe = {
            "strip": outputs["strip"]["amplitude_A_peak"] == 0.0,
            "magnet": outputs["magnet"]["supply_A"] == 0.0,
        }
    elif bench == "transport":
        safe = {
            "sources": all(one["peak_A"] == 0.0 for one in outputs["sources"].values()),
            "magnet": outputs["magnet"]["current_set_A"] == 0.0,
        }
    else:
        safe = {"shutter": not outputs["shutter"]["open"], "magnet": outputs["magnet"]["current_set_A"] == 0.0}
    return [name for name, is_safe in safe.items() if not is_safe]


def test_every_procedure_is_tried():
    assert set(PROCEDURES) == {entry.name for entry in entry_points(group="sotlab.procedures")}


def _kinds_of(kinds):
    return FAULTS if ALL or (ASKED == "kinds" and kinds) else kinds.split()


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name, (_, _, kinds) in PROCEDURES.items() for kind in _kinds_of(kinds)],
)
def test_whatever_fails_wherever_it_does(name, kind, tmp_path, sites_of):
    assert sites_of(name)
    for number, ((resource, pattern), (role, times)) in enumerate(sites_of(name).items()):
        if kind in ("silent", "garbage") and not pattern.endswith(r"\?$"):
            continue  # there is no answer to be lost
        for after in {0, times - 1} if ALL else {0}:
            fault = {"device": resource, "match": pattern, "after": after, **FAULTS[kind]}
            site = f"{kind} at {role} {pattern}, after {after}"
            run, outputs, struck = measure(name, tmp_path / f"{number}_{after}", fault=fault)
            assert struck, f"{site}: never reached"
            check(run, outputs, (role, resource), site, PROCEDURES[name][0])


def check(run, outputs, who, site, bench):
    """Assert that a run ended in one line that names role or address, that the bench is safe, and what is in rows."""
    error = run.worker.error
    assert error is None or isinstance(error, SotlabError), f"{site}: {error!r}"
    assert "\n" not in str(error)
    if error is not None:
        assert any(one in str(error) for one in who), f"{site}: {error}"  # roles may share an address
    unsafe = run.worker.unsafe or ""
    # what does not answer may be on; nothing else may, and it is said
    assert not safe_but_for(outputs, bench) or any(one in unsafe for one in who), f"{site}: {outputs}"
    closed = read_journal(run.folder.journal)[-1]
    assert closed["event"] == "run_close"
    assert closed["exit_status"] == ("failed" if error else "finished"), site
    if run.folder.data.exists():
        rows = read_run(run.folder.path).rows
        assert list(rows["Index"]) == list(range(len(rows)))
        assert len(rows) == closed["rows"]
        assert rows.empty or rows.select_dtypes("number").shape[1] == rows.shape[1], f"{site}: {rows}"
