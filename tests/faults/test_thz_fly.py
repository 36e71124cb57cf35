"""A delay scan on the fly in trouble: it ends safe, its whole passes are kept, and it is gone on with."""

import subprocess
import sys
import time

import pytest

from sotlab.errors import SotlabError
from sotlab.instruments.station import Station
from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.run import Run
from sotlab.procedures.thz_fly_scan import ThzFlyScan

SPEC = "virtual:thz?seed=1"
#: Fast, and no more than the pulse.
SETTINGS = {"start": "-1.6 ps", "stop": "2.4 ps", "speed": "1e-11", "scans": 1, "parity": "one"}


def stop_the_wheel(lab):
    lab.before_change()
    lab.bench.chopper.run(lab.clock.now() + 0.2, 0.0)


def no_reply(lab):
    lab.faults.add({"device": "lockin_b", "kind": "no_reply", "match": "TRCL"})


def limit_switch(lab):
    lab.faults.add({"kind": "delay_limit", "arguments": {"upper_m": 0.1e-3, "lower_m": -0.1e-3}})


def stall(lab):
    lab.faults.add({"kind": "delay_stall", "arguments": {"for_s": 3.0}, "at": lab.clock.now() - lab.start_s + 0.35})


TROUBLES = {
    "a lost reply": (
        no_reply,
        {"recorder": "lockin_b", "position": "aux 3"},
        r"no answer|time-out|did not answer",
        None,
    ),
    "an unlocked chopper": (stop_the_wheel, {}, "reference was not locked", None),
    "a limit switch": (limit_switch, {}, r"limit|off an even motion", {"upper_m": 0.04, "lower_m": -0.01}),
    "a full buffer": (stall, {"recorder": "lockin_b", "position": "aux 3"}, r"buffer was full|stands at", None),
}


@pytest.fixture(scope="module")
def bench():
    with Station.open(SPEC, ThzFlyScan.ROLES) as station:
        yield station


@pytest.mark.parametrize("name", TROUBLES)
def test_a_fly_scan_in_trouble_ends_safe_keeps_its_passes_and_goes_on(name, bench, tmp_path):
    trouble, settings, said, cure = TROUBLES[name]
    lab = bench.visa_library.lab
    scan = ThzFlyScan(station=SPEC, **SETTINGS, **settings)
    scan.use(bench)
    run = Run(scan, tmp_path)
    run.bus.subscribe(lambda topic, row: trouble(lab) if topic == "results" and row["Index"] == 0 else None)
    with run:
        run.wait()
    with pytest.raises(SotlabError, match=said):
        run.raise_error()
    found = lab.actuators()
    assert not found["shutter"]["open"]
    assert found["magnet"]["current_set_A"] == 0.0
    record = read_run(run.folder.path)
    assert (record.status, list(record.rows["Index"])) == ("failed", [0])
    assert all(len(record.arrays[cell]) > 16 for cell in record.rows["Delay (s)"])
    kept = run.folder.arrays.read_bytes()

    lab.faults.clear()
    if cure:
        lab.bench.faults["delay_limit"](lab.clock.now(), **cure)
    again = Run.resume(run.folder.path)
    again.procedure.use(bench)
    with again:
        again.wait()
    again.raise_error()
    record = read_run(run.folder.path)
    assert (record.status, list(record.rows["Index"])) == ("finished", [0, 1])
    assert run.folder.arrays.read_bytes().startswith(kept)
    assert list(record.rows["Pass (1)"]) == [1, 2]


@pytest.mark.skipif(sys.platform == "win32", reason="kills by POSIX signals")
def test_a_killed_fly_scan_leaves_the_beam_blocked_and_goes_on(served_thz, tmp_path):
    command = [sys.executable, "-m", "sotlab.cli", "run", "ThzFlyScan", "--station", str(served_thz.station)]
    command += [part for name, value in SETTINGS.items() for part in ("--set", f"{name}={value}")]
    # The attenuator stays where it is, and the field hardly changes: both take their time, which is real here.
    for one in ("recorder=lockin_b", "position=aux 3", "transmission=1e-4", "field=10 mT"):
        command += ["--set", one]
    program = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (folders := list(tmp_path.glob("runs/*/*/arrays.bin"))):
        assert time.monotonic() < deadline
        assert program.poll() is None, program.communicate()
        time.sleep(0.02)
    assert served_thz.outputs()["shutter"]["open"]
    program.kill()
    program.wait()
    folder = folders[0].parent
    while "made_safe" not in [event["event"] for event in read_journal(folder / "events.jsonl")]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    outputs = served_thz.outputs()
    assert not outputs["shutter"]["open"]
    assert outputs["magnet"]["current_set_A"] == 0.0
    before = read_run(folder)
    assert before.status == "interrupted"

    again = Run.resume(folder)
    with again:
        again.wait()
    again.raise_error()
    after = read_run(folder)
    assert list(after.rows["Index"]) == [0, 1]
    assert (after.arrays["array:0"] == before.arrays["array:0"]).all()
