"""The simulated RF and matrix switches over the wire."""

import pytest

BENCH_CLASS = """
class Bench:
    def __init__(self, lab, streams, noise):
        self.log = []

    def switched(self, *told):
        self.log.append(told)
"""
BENCH = """
spec: "1.1"
devices:
  box: {class: "switch_box:RFSwitch"}
  matrix: {class: "switch_box:MatrixSwitch"}
resources:
  TCPIP0::matrix.example::INSTR: {device: matrix}
  TCPIP0::box.example::INSTR: {device: box}
lab: {bench: "bench.py:Bench"}
"""


def test_identity_says_simulated(box):
    assert box.query("*IDN?").split(",")[2].startswith("SIM")


@pytest.fixture
def matrix(box_manager):
    return box_manager.open_resource("TCPIP0::matrix.example::INSTR", read_termination="\n", write_termination="\n")


def test_rf_switch_closes_one_channel_of_a_row(box, lab):
    box.write("ROUT:CLOS (@101)")
    box.write("ROUT:CLOS (@102,203)")
    assert box.query("ROUT:CLOS? (@101,102,203)") == "0,1,1"
    assert box.query("ROUT:CLOS:STAT?") == "(@102,203)"
    assert lab.bench.log == [("box", [101]), ("box", [102, 203])]


def test_matrix_closes_any_and_understands_ranges(matrix):
    matrix.write("ROUT:CLOS (@101:104,408)")
    assert matrix.query("ROUT:CLOS:STAT?") == "(@101,102,103,104,408)"
    matrix.write("ROUT:OPEN (@102,103)")
    assert matrix.query("ROUT:OPEN? (@101:104)") == "0,1,1,0"
    matrix.write("ROUT:OPEN:ALL")
    assert matrix.query("ROUT:CLOS:STAT?") == "(@)"


def test_relays_settle_before_opc_answers(box, lab):
    start_s = lab.clock.now()
    box.write("ROUT:CLOS (@101)")
    box.query("*OPC?")
    assert lab.clock.now() - start_s >= 0.02


def test_cycles_count_closings_and_survive_a_reset(box):
    for _ in range(3):
        box.write("ROUT:CLOS (@101)")
        box.write("ROUT:CLOS (@101)")  # is closed already
        box.write("ROUT:OPEN (@101)")
    box.write("*RST")
    assert box.query("DIAG:REL:CYCL? (@101,102)") == "3,0"


@pytest.mark.parametrize(
    ("sent", "code"),
    [("(@107)", -222), ("(@104:102)", -222), ("(@)", -104), ("101", -104), ("(@1x)", -104), ("(@101,,102)", -104)],
)
def test_list_that_means_nothing_is_an_error_and_moves_nothing(box, lab, sent, code):
    box.write(f"ROUT:CLOS {sent}")
    assert box.query("SYST:ERR?").startswith(f"{code},")
    assert lab.bench.log == []
