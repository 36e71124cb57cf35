"""How well a rehearsal predicts: wall time for a night, error of the duration, error of the time to go after a fifth.

    python benchmarks/rehearsal.py

The three scans are those of tests/faults/scans.py, shaped like ST-FMR, harmonic Hall and a THz delay scan. Durations
are compared with whole runs, in virtual time and in scaled time, in which messages cost what they cost here, with as
many bench seconds in a second as the simulated lock-ins can keep up with on two slow processors that have nothing else
to do; once as the stations are shipped, once with
ramp rate and integration time changed. For the time to go the bench settles or integrates longer than the plan knows.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import sotlab.instruments
from sotlab.procedures.runs.bench_watch import open_rehearsal
from sotlab.procedures.runs.campaign import start_run
from sotlab.procedures.runs.campaign_file import CampaignFile
from sotlab.procedures.runs.jobs import list_jobs
from sotlab.procedures.runs.pace import Pace, expected_times
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.rehearse import rehearse

STATIONS = Path(sotlab.instruments.__file__).with_name("stations")
SCANS = Path(__file__).parents[1] / "tests" / "faults" / "scans.py"

NIGHT = """
[items.fmr]
procedure = "SCANS:FMRShaped"
stations = "virtual:stfmr"
set = { points = 4000 }
loop = [
  { frequency = "5 GHz", start = "10 mT", stop = "60 mT" },
  { frequency = "6 GHz", start = "20 mT", stop = "75 mT" },
  { frequency = "7 GHz" },
]
[items.hall]
procedure = "SCANS:HallShaped"
stations = "virtual:harmonic_hall"
set = { fields = 20, points = 180, field = "2 T" }
[items.thz]
procedure = "SCANS:DelayShaped"
stations = "virtual:thz"
set = { points = 25000 }
"""

#: Bench, bench seconds in a second, scan with its parameters, and what is changed in the station the second time.
SHORTENED = (
    (
        "stfmr",
        10,
        "FMRShaped",
        "points = 81",
        (("nplc = 5", "nplc = 2"), ("rate_T_per_s = 0.1", "rate_T_per_s = 0.005")),
    ),
    ("harmonic_hall", 2, "HallShaped", "fields = 2, points = 14", (("rate_T_per_s = 0.02", "rate_T_per_s = 0.01"),)),
    ("thz", 1, "DelayShaped", "points = 25", (("rate_T_per_s = 0.1", "rate_T_per_s = 0.05"),)),
)

#: Bench, scan, what the plan knows and what the bench does instead.
SLOWER = (
    ("stfmr", "FMRShaped", "points = 101", "nplc = 5", "nplc = 11"),
    ("harmonic_hall", "HallShaped", "fields = 2, points = 20", "sensitivity_V = 0.02\n", "sensitivity_V = 0.02\n"),
    ("thz", "DelayShaped", "points = 80", "time_constant_s = 0.03\n", "time_constant_s = 0.03\n"),
)


def follow(run):
    run.start()
    run.wait()


def prepared(folder: Path, bench: str, scan: str, values: str, changes=()) -> tuple[CampaignFile, list]:
    """Write a station and a campaign of one run; return the campaign."""
    text = (STATIONS / f"{bench}.toml").read_text(encoding="utf-8")
    for old, new in changes:
        if old not in text:
            raise SystemExit(f"{bench}.toml has no '{old.strip()}' any more")
        text = text.replace(old, new)
    (folder / "station.toml").write_text(text, encoding="utf-8")
    shutil.copytree(STATIONS / "samples", folder / "samples", dirs_exist_ok=True)
    path = folder / "one.toml"
    item = f'[items.one]\nprocedure = "{SCANS.as_posix()}:{scan}"\nset = {{ {values} }}\n'
    path.write_text(f'[campaign]\nstation = "station.toml"\n{item}', encoding="utf-8")
    file = CampaignFile.load(path)
    return file, list_jobs(file)


def run_whole(folder: Path, job, bench_option: str) -> tuple[float, list[float], list[float]]:
    """Run a job whole; return its duration, the times of its rows and those of the plan [s of bench time]."""
    from sotlab.instruments.station import Station

    station = folder / "scaled.toml"
    text = (folder / "station.toml").read_text(encoding="utf-8")
    station.write_text(text.replace("clock=virtual", bench_option), encoding="utf-8")
    with Station.open(str(station), ()) as bench:
        run = start_run(job, bench, folder / "runs")
        began_s = bench.clock.now()
        follow(run)
        run.raise_error()
        took_s = bench.clock.now() - began_s
        times_s = expected_times(run.procedure)
    return took_s, list(read_run(run.folder.path).rows["Time (s)"]), times_s


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "night.toml").write_text(NIGHT.replace("SCANS", SCANS.as_posix()), encoding="utf-8")
        file = CampaignFile.load(folder / "night.toml")
        began = time.perf_counter(), time.process_time()
        told = rehearse(file, list_jobs(file), folder, follow)
        wall_s, cpu_s = time.perf_counter() - began[0], time.process_time() - began[1]
        hours = told["duration_s"] / 3600
        print(f"a night of {hours:.1f} h rehearsed in {wall_s:.1f} s of wall time, {cpu_s:.1f} s of processor time")
        for bench, factor, scan, values, changes in SHORTENED:
            for what, made in (("as shipped", ()), ("changed", changes)):
                file, (job,) = prepared(folder, bench, scan, values, made)
                predicted_s = rehearse(file, [job], folder, follow, rows=16)["duration_s"]
                for clock in ("virtual", str(factor)):
                    took_s, _, _ = run_whole(folder, job, f"clock={clock}")
                    compared = f"predicted {predicted_s:6.1f} s, clock={clock} took {took_s:6.1f} s"
                    print(f"{scan:<12} {what:<11} {compared}: {100 * (predicted_s / took_s - 1):+.1f} %", flush=True)
        for bench, scan, values, planned, actual in SLOWER:
            slope = scan != "FMRShaped"
            known = ((planned, f"{planned}slope_dB = 18\n" if slope else planned),)
            slower = ((planned, f"{actual}slope_dB = 24\n" if slope else actual),)
            _, (job,) = prepared(folder, bench, scan, values, known)
            with open_rehearsal(str(folder / "station.toml")) as as_planned:
                procedure = job.make()
                procedure.use(as_planned)
                times_s = expected_times(procedure)
            _, (job,) = prepared(folder, bench, scan, values, slower)
            _, rows_s, _ = run_whole(folder, job, "clock=virtual")
            now = [0.0]
            pace = Pace(lambda now=now: now[0])
            pace.expect(times_s)
            fifth = len(rows_s) // 5
            for now[0] in rows_s[:fifth]:
                pace.count(1)
            left_s = rows_s[-1] - rows_s[fifth - 1]
            error = 100 * ((pace.to_go_s or 0.0) / left_s - 1)
            print(f"{scan:<12} after a fifth: {pace.to_go_s:.1f} s to go told, {left_s:.1f} s were: {error:+.1f} %")


if __name__ == "__main__":
    main()
