"""A harmonic Hall run from the bench over the wire and the file to results, against the truth of the bench."""

import math

import numpy as np
import pytest

from sotlab.cli import add_truth
from sotlab.errors import InstrumentError
from sotlab.instruments.station import Station
from sotlab.procedures.harmonic_hall_angle_scan import HarmonicHallAngleScan
from sotlab.procedures.runs.reduce import reduce_files, reduce_runs
from sotlab.procedures.runs.run import Run


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """Three fields out of the plane on one bench, what was shown live, and the truth beside the results."""
    spec = "virtual:harmonic_hall?seed=0"
    scan = HarmonicHallAngleScan(
        station=spec, field="1.2 T", field_stop="3.9 T", fields=3, amplitude="2 mA", points=20, stop="342 deg"
    )
    fits = []
    with Station.open(spec, scan.ROLES) as bench:
        scan.use(bench)
        run = Run(scan, tmp_path_factory.mktemp("runs"), bench.sample(scan.sample).name)
        run.bus.subscribe(lambda topic, record: fits.append(record) if topic == "fit" else None)
        with run:
            run.wait()
        run.raise_error()
        truth = bench.visa_library.lab.truth(temperature_K=300.0, amplitude_A_peak=2e-3)
        beside = reduce_runs([run.folder]).json
        add_truth(bench, beside)
    return run.folder, fits, truth, beside["results"]


def test_a_run_knows_its_geometry_and_gives_the_torque_of_the_truth(campaign):
    folder, _, truth, _ = campaign
    told = reduce_runs([folder]).json
    results = told["results"]
    assert told["simulated"]
    assert told["settings"]["geometry"] == "out-of-plane"
    assert [row["field"] for row in told["scans"]] == pytest.approx([1.2, 2.55, 3.9], rel=1e-3)
    assert {row["temperature"] for row in told["scans"]} == {300.0}
    assert {row["amplitude"] for row in told["scans"]} == {2e-3}
    assert results["r_a"]["value"] == pytest.approx(truth["r_a"]["value"], rel=2e-3)
    assert results["b_k"]["value"] == pytest.approx(truth["b_k"]["value"], rel=2e-3)
    # Without r_p the field-like torque is in it: 2 xi b_fl is 2.7 % of it here.
    mixed = truth["b_dl"]["value"] + 2 * truth["r_p"]["value"] / truth["r_a"]["value"] * truth["b_fl"]["value"]
    low, high = sorted((mixed, truth["b_dl"]["value"]))
    slack = 4 * results["b_dl"]["sigma"]
    assert low - slack < results["b_dl"]["value"] < high + slack
    assert any(flag.startswith("b_dl: contains 2 xi b_fl") for flag in told["flags"])
    assert any(flag.startswith("no known-resistor run") for flag in told["flags"])


def test_with_the_planar_hall_effect_known_all_terms_come_out(campaign):
    folder, _, truth, _ = campaign
    told = reduce_files("harmonic-hall", [folder.path], settings={"r_p": "0.19+-0.001 ohm"}).json
    results = told["results"]
    for name in ("b_dl", "r_ane", "r_one"):
        if results[name]["value"] is not None:
            # One draw of three values: beyond 4.5 sigma one perfect program in 50 000 fails.
            pull = (results[name]["value"] - truth[name]["value"]) / results[name]["sigma"]
            assert abs(pull) < 4.5, name
    assert results["b_dl"]["value"] is not None
    # The sample file knows the rest of the efficiency within some percent, mu0*M_s within its sigma of 7 %.
    xi = results["xi_dl_E"]
    assert abs(xi["value"] - truth["xi_dl_E"]["value"]) < 3 * xi["sigma"] + 0.02 * truth["xi_dl_E"]["value"]
    assert any("count as exact" in flag for flag in told["flags"])


def test_while_it_runs_a_fit_is_shown_in_the_units_of_the_plot(campaign):
    _, fits, truth, _ = campaign
    last = fits[-1]
    assert last.values["r_a"].value == pytest.approx(truth["r_a"]["value"], rel=1e-2)
    assert len(last.x) == len(last.y)
    assert np.all(np.diff(last.curve_x) > 0)
    amplitude_V = 0.5 * abs(truth["r_a"]["value"]) * truth["b_dl"]["value"] / 2.0 * 2e-3 / math.sqrt(2)
    assert 0.2 * amplitude_V < np.ptp(last.curve_y) < 5 * amplitude_V


def test_the_truth_at_the_temperature_and_current_of_the_run_stands_beside_the_results(campaign):
    _, _, truth, beside = campaign
    for name in ("r_a", "b_k", "b_dl", "r_ane", "xi_dl_E"):
        assert beside[name]["truth"] == truth[name]["value"]
    assert beside["r_a"]["pull"] is not None
    assert truth["b_dl"]["value"] == pytest.approx(2e-3 * truth["b_dl_per_A"]["value"])


def test_what_the_lock_ins_latched_while_the_current_was_off_does_not_end_the_next_run(tmp_path):
    """The reference goes off with the source's output: a lock-in that is asked meanwhile has lost it, and says so."""
    spec = "virtual:harmonic_hall?seed=0"
    settings = {"station": spec, "field": "1.2 T", "amplitude": "2 mA", "points": 3, "stop": "90 deg"}
    with Station.open(spec, HarmonicHallAngleScan.ROLES) as bench:
        for _ in range(2):
            scan = HarmonicHallAngleScan(**settings)
            scan.use(bench)
            with Run(scan, tmp_path, "film") as run:
                run.wait()
            run.raise_error()
            assert run.worker.results.rows == 3
            bench.clock.sleep(10.0)
            for role in ("lockin_1w", "lockin_2w"):
                with pytest.raises(InstrumentError, match=rf"^{role} .*reference"):
                    bench[role].read_phasor()
            bench.clock.sleep(10.0)  # it is latched again
