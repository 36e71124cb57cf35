"""What is asked again, how often, and what never is: over the wire, with the virtual lab's faults."""

import pytest

from sotlab.errors import (
    GarbledReplyError,
    InstrumentError,
    InstrumentLostError,
    InstrumentTimeoutError,
    LimitError,
    StationError,
)
from sotlab.instruments.retry import may_repeat
from sotlab.instruments.station import Station
from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.run import Run
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

BENCH = """
spec: "1.1"
devices:
  gaussmeter: {class: "lakeshore_475:LakeShore475"}
  microwave: {class: "e8257d:E8257D"}
resources:
  GPIB0::12::INSTR: {device: gaussmeter}
  GPIB0::19::INSTR: {device: microwave}
lab: {bench: "bench.py:Bench"}
"""
BENCH_CLASS = """
from sotlab.simulated.benches.stfmr import STFMR


class Bench(STFMR):
    def __init__(self, lab, streams, noise):
        super().__init__({"sample": "nife_bisb_10nm.yaml"}, streams, noise)
"""
STATION = """
[station]
name = "retry"
visa_library = "bench.yaml?clock=virtual@sotlab"
[retry]
{retry}
[roles.gaussmeter]
driver = "LakeShore475"
resource = "GPIB0::12::INSTR"
[roles.gaussmeter.options]
zero_sigma_T = 2e-5
[roles.microwave]
driver = "E8257D"
resource = "GPIB0::19::INSTR"
[roles.microwave.limits]
power_dBm = [-20, 10]
"""


@pytest.fixture
def opened(open_station):
    """Open the station with a policy; return it, its lab and what it told of the wire."""

    def open_one(retry=""):
        station = open_station(STATION.format(retry=retry))
        told = []
        station.on_event = lambda kind, **details: told.append((kind, details.get("error")))
        return station, station.visa_library.lab, told

    return open_one


def fault(lab, kind, count, match="RDGFIELD", device="gaussmeter", **more):
    lab.faults.add({"device": device, "kind": kind, "match": match, "count": count, **more})


def hits(lab):
    return lab.faults.describe()[0]["hits"]


ERRORS = {
    "no_reply": ("time_out", InstrumentTimeoutError, {}),
    "wrong_reply": ("garbage", GarbledReplyError, {"text": "+1.0z3E-03"}),
    "garbled": ("garbage", GarbledReplyError, {"mask": 0x80}),  # no text any more
}


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("allowed", [0, 1, 3])
def test_each_kind_is_asked_again_as_often_as_the_station_says_and_told(kind, allowed, opened):
    name, error, more = ERRORS[kind]
    station, lab, told = opened(f"{name} = {allowed}")
    if allowed:
        fault(lab, kind, allowed, **more)
    station["gaussmeter"].read_field()  # so many it stands
    assert told == [("retry", name)] * allowed
    lab.faults.clear()
    told.clear()
    fault(lab, kind, allowed + 1, **more)
    with pytest.raises(error, match="gaussmeter"):
        station["gaussmeter"].read_field()
    assert told == [("retry", name)] * allowed
    assert hits(lab) == allowed + 1  # and not once more


def test_kinds_are_counted_apart(opened):
    station, lab, told = opened("time_out = 1\ngarbage = 1")
    fault(lab, "wrong_reply", 1, text="?")
    fault(lab, "no_reply", 1, after=1)
    station["gaussmeter"].read_field()
    assert sorted(told) == [("retry", "garbage"), ("retry", "time_out")]


def test_a_lost_line_is_opened_anew_after_a_wait_and_asked_again(opened):
    station, lab, told = opened("lost = 2\nwait_s = 4")
    before = lab.clock.now()
    lab.faults.add({"device": "gaussmeter", "kind": "unplug", "for_s": 10})
    station["gaussmeter"].read_field()  # nothing there after 4 s, but after 8 s more
    assert told == [("retry", "lost"), ("retry", "lost"), ("reopened", None)]
    assert 10.0 < lab.clock.now() - before < 14.0


def test_a_line_that_stays_lost_is_told_in_bounded_time(opened):
    station, lab, told = opened("lost = 2\nwait_s = 1")
    lab.faults.add({"device": "gaussmeter", "kind": "unplug"})
    with pytest.raises(InstrumentError, match="gaussmeter at GPIB0::12::INSTR: nothing answers"):
        station["gaussmeter"].read_field()
    assert told == [("retry", "lost")] * 2


def test_what_sets_is_sent_once(opened):
    station, lab, told = opened("time_out = 3\nlost = 3")
    lab.faults.add({"device": "microwave", "kind": "unplug", "for_s": 1})
    with pytest.raises(InstrumentLostError):
        station["microwave"].set_power(5.0)
    assert told == []


def test_a_lost_entry_of_the_error_queue_is_not_taken_for_no_error(opened):
    station, lab, told = opened("time_out = 3")
    fault(lab, "no_reply", 1, match="SYST:ERR", device="microwave")
    with pytest.raises(InstrumentTimeoutError, match="microwave"):
        station["microwave"].set_power(5.0)
    assert told == []


def test_a_limit_is_final(opened):
    station, lab, told = opened("time_out = 3\ngarbage = 3\nlost = 3")
    sent = lab.devices["GPIB0::19::INSTR"].values.copy()
    with pytest.raises(LimitError):
        station["microwave"].set_power(11.0)
    assert told == []
    assert lab.devices["GPIB0::19::INSTR"].values == sent


@pytest.mark.parametrize(
    ("message", "repeated"),
    [("RDGFIELD?", True), ("SNAP?1,2", True), (":READ?", True), ("CALC1:PAR:CAT:EXT?", True), ("1TP?", True),
     ("STAT:MEAS:COND?", True), ("*IDN?", True), ("FREQ?;POW?", True),
     ("FREQ 1e9", False), ("1PR0.5", False), ("*TRG", False), ("INIT;*OPC?", False), ("SYST:ERR?", False),
     (":SYSTem:ERRor?", False), ("*ESR?", False), ("STAT:MEAS?", False), ("LIAS?", False), ("1TE?", False),
     ("TB?", False), ("FREQ 1e9;FREQ?", False), ("freq=100", False)],
)  # fmt: skip
def test_only_questions_that_change_nothing_may_be_repeated(message, repeated):
    assert may_repeat(message) is repeated


@pytest.mark.parametrize("retry", ["time_out = -1", "time_out = 11", "garbage = 0.5", "timeout = 1", "wait_s = -1"])
def test_a_policy_that_is_none_is_refused(retry, open_station):
    with pytest.raises(StationError, match=r"\[retry\]"):
        open_station(STATION.format(retry=retry))


def test_a_runs_journal_has_what_was_asked_again(tmp_path, monkeypatch):
    monkeypatch.delenv("SOTLAB_CLOCK", raising=False)
    with Station.open("virtual:stfmr?seed=0", STFMRFieldSweep.ROLES) as station:
        lab = station.visa_library.lab
        fault(lab, "no_reply", 1, after=5)
        fault(lab, "wrong_reply", 1, match="READ", device="voltmeter", text="--", after=3)
        scan = STFMRFieldSweep(station="virtual:stfmr?seed=0", points=5)
        scan.use(station)
        with Run(scan, tmp_path, "film") as run:
            run.wait(60)
        run.raise_error()
    assert run.worker.results.rows == 5
    told = [(e["role"], e["error"]) for e in read_journal(run.folder.journal) if e["event"] == "retry"]
    assert sorted(told)[-1] == ("voltmeter", "garbage")
    assert ("gaussmeter", "time_out") in told
