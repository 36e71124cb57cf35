"""The simulated beam shutter over the wire."""

BENCH_CLASS = """
class Bench:
    def __init__(self, lab, streams, noise):
        self.log = []

    def set_shutter(self, *told):
        self.log.append(told)
"""
BENCH = """
spec: "1.1"
devices:
  box: {class: "shutter:Shutter"}
resources:
  TCPIP0::box.example::INSTR: {device: box}
lab: {bench: "bench.py:Bench"}
"""


def test_identity_says_simulated(box):
    assert box.query("*IDN?").split(",")[2].startswith("SIM")


def test_shutter_is_closed_until_told_and_by_reset(box, lab):
    assert box.query("SHUT?") == "0"
    box.write("SHUT ON")
    assert box.query("SHUT:STAT?") == "1"
    box.write("*RST")
    assert box.query("SHUT?") == "0"
    assert lab.bench.log == [("box", False), ("box", True), ("box", False)]


def test_blade_takes_its_time_and_opc_waits_for_it(box, lab):
    start_s = lab.clock.now()
    box.write("SHUT ON")
    assert box.query("SHUT:MOV?") == "1"
    box.query("*OPC?")
    assert lab.clock.now() - start_s >= 0.03
    assert box.query("SHUT:MOV?") == "0"


def test_nonsense_is_an_error_and_moves_nothing(box, lab):
    box.write("SHUT MAYBE")
    assert box.query("SYST:ERR?").startswith("-104,")
    assert lab.bench.log == [("box", False)]
