"""The simulated interlock input over the wire."""

BENCH_CLASS = """
class Bench:
    def __init__(self, lab, streams, noise):
        self.open = set()
        self.history = []

    def interlock_closed(self, line):
        return line not in self.open

    def interlock_opened(self, line, since_s):
        return any(one == line and time_s >= since_s for one, time_s in self.history)
"""
BENCH = """
spec: "1.1"
devices:
  box: {class: "interlock:Interlock"}
resources:
  TCPIP0::box.example::INSTR: {device: box}
lab: {bench: "bench.py:Bench"}
"""


def test_identity_says_simulated(box):
    assert box.query("*IDN?").split(",")[2].startswith("SIM")


def test_contacts_are_told_one_by_one_and_as_bits(box, lab):
    lab.bench.open = {2, 4}
    assert [box.query(f"INP{line}:STAT?") for line in (1, 2, 3, 4)] == ["1", "0", "1", "0"]
    assert box.query("INP:ALL?") == "5"


def test_what_was_open_stays_noted_until_cleared(box, lab):
    lab.bench.open = {3}
    box.query("INP3:STAT?")
    lab.bench.open = set()
    assert (box.query("INP:EVEN?"), box.query("INP:ALL?")) == ("4", "15")
    box.write("INP:EVEN:CLE")
    assert box.query("INP:EVEN?") == "0"


def test_short_opening_between_two_questions_is_kept(box, lab):
    lab.bench.history.append((1, lab.clock.now()))
    lab.clock.sleep(1.0)
    assert box.query("INP1:STAT?") == "1"
    assert box.query("INP:EVEN?") == "1"


def test_line_that_does_not_exist_is_an_error(box):
    box.write("INP5:STAT?")
    assert box.query("SYST:ERR?").startswith("-114,")
