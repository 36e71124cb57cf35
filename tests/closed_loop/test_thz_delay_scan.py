"""A step scan on the virtual terahertz bench: sample and reference, reduced together, against the truth."""

import pytest

from sotlab.instruments.station import Station
from sotlab.procedures.runs.dotthz import read_dotthz, write_dotthz
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.reduce import reduce_files
from sotlab.procedures.runs.run import Run
from sotlab.procedures.thz_delay_scan import ThzDelayScan


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    spec, folders, shown = "virtual:thz?seed=0", [], []
    out = tmp_path_factory.mktemp("runs")
    with Station.open(spec, ThzDelayScan.ROLES) as bench:
        lab = bench.visa_library.lab
        for sample in ("thz_bisb15_5nm.yaml", "thz_co2_pt4.yaml"):
            lab.bench.mount(bench.clock.now(), sample)
            scan = ThzDelayScan(station=spec, scans=4, start="-1.6 ps", points=41, stop="2.4 ps")
            scan.use(bench)
            run = Run(scan, out, "sample")
            run.bus.subscribe(lambda topic, record: shown.append(record) if topic == "fit" else None)
            with run:
                run.wait()
            run.raise_error()
            folders.append(run.folder)
        truth = lab.truth(sample="thz_bisb15_5nm.yaml")
        open_ = lab.actuators()["shutter"]["open"]
    return folders, shown, truth, open_


def test_bisb_has_one_and_a_half_times_the_field_of_co_pt_with_the_other_sign(runs):
    (sample, reference), _, truth, _ = runs
    told = reduce_files("thz", [sample.path], settings={"reference": str(reference.path)}).json
    ratio = told["results"]["ratio"]
    assert truth["ratio"]["value"] == pytest.approx(-1.5)
    assert abs(ratio["value"] - truth["ratio"]["value"]) < 0.02 + 4 * ratio["sigma"]
    assert ratio["sigma"] < 0.05
    assert told["results"]["power_ratio"]["value"] == pytest.approx(2.25, abs=0.3)
    assert told["results"]["odd"]["value"] < 0  # of the sample, in the sign of the field
    assert told["simulated"]
    assert [row["scans"] for row in told["scans"][:2]] == [4, 4]


def test_the_beam_is_blocked_at_the_end_and_the_trace_was_shown_meanwhile(runs):
    _, shown, _, is_open = runs
    assert not is_open
    assert shown[-1].values["peak"].value > 1e-5


def test_a_run_may_leave_as_dotthz_and_come_back(runs, tmp_path):
    (sample, _), _, _, _ = runs
    rows = read_run(sample.path).rows
    path = tmp_path / "run.thz"
    scans = {
        f"scan {k}": (own["Delay (s)"].to_numpy(float), own["X (V)"].to_numpy(float))
        for k, own in rows.groupby("Scan (1)")
    }
    write_dotthz(path, {sample.path.name: scans}, {"mode": "THz emission"})
    back = read_dotthz(path)
    assert [trace.description for trace in back] == list(scans)
    for trace, (delay_s, signal_V) in zip(back, scans.values(), strict=True):
        assert trace.delay_s == pytest.approx(delay_s, abs=1e-20)
        assert trace.signal == pytest.approx(signal_V, abs=0)
