"""Each result says which rows, calibrations, versions and code it was made from; none is ever written over."""

import json
import subprocess
import threading

import pytest

from sotlab.errors import RunError
from sotlab.procedures.runs import provenance
from sotlab.procedures.runs.listing import describe
from sotlab.procedures.runs.provenance import code_state, describe_input, keep_results, sha256_of, trace
from sotlab.procedures.runs.reduce import reduce_files
from sotlab.procedures.runs.stored_results import latest_results, results_files, store_results

from .run_folders import make_run


@pytest.fixture
def analysed(tmp_path):
    """A run that was reduced twice, with two values of g."""
    folder = make_run(tmp_path, rows=41)
    for g in ("2.0", "2.1"):
        keep_results([folder], reduce_files("stfmr", [folder], settings={"g": g}).json)
    return folder


def test_reanalysis_writes_beside_the_old_results(analysed):
    assert [path.name for path in results_files(analysed)] == ["results.json", "results-2.json"]
    first, second = (json.loads(path.read_text(encoding="utf-8")) for path in results_files(analysed))
    assert (first["settings"]["g"], second["settings"]["g"]) == (2.0, 2.1)
    assert first["results"]["mu0_meff"]["value"] != second["results"]["mu0_meff"]["value"]


def test_a_result_is_traced_to_rows_calibrations_versions_station_and_code(analysed):
    told = trace(analysed)
    (source,) = json.loads((analysed / "results.json").read_text(encoding="utf-8"))["provenance"]["inputs"]
    assert source["rows"]["sha256"] == sha256_of(next(analysed.glob("*.csv")))
    assert source["rows"]["rows"] == 41
    assert [(one["role"], one["kind"]) for one in source["calibrations"]] == [("gaussmeter", "gaussmeter_zero")]
    assert source["station"]["identities"] == {"field": "KEPCO,BOP,SIM0001,1"}
    assert source["versions"]["sotlab"] == "0.1.0"
    assert source["simulated"] is True
    assert [result["file"] for result in told["results"]] == ["results.json", "results-2.json"]
    assert [result["rows_changed"] for result in told["results"]] == [False, False]
    assert told["results"][0]["code"] == code_state()
    shown = "\n".join(describe(told))
    for part in ("SIMULATED", "gaussmeter_zero", "KEPCO,BOP", source["rows"]["sha256"], "results-2.json", "7 GHz"):
        assert part in shown


def test_a_result_whose_rows_have_changed_since_is_told_of(analysed):
    data = next(analysed.glob("*.csv"))
    data.write_text(data.read_text(encoding="utf-8") + "41,0,4.1,0.08,1e-7,7e9,15.0,45.0\n", encoding="utf-8")
    assert [result["rows_changed"] for result in trace(analysed)["results"]] == [True, True]
    assert "the rows have changed since" in "\n".join(describe(trace(analysed)))


def test_results_of_several_runs_are_kept_with_each_of_them(tmp_path):
    folders = [make_run(tmp_path, k, frequency=(6 + k) * 1e9, rows=41) for k in range(2)]
    table = tmp_path / "table.csv"
    table.write_text("1,2\n", encoding="utf-8")
    written = keep_results([*folders, table], reduce_files("stfmr", folders).json)
    assert [path.parent for path in written] == folders
    assert trace(folders[1])["results"][0]["inputs"] == [f"2026030{1}-1{2 + k}0000-0000{k}" for k in range(2)] + [
        "table.csv"
    ]


def test_two_analyses_at_once_take_two_names(tmp_path):
    folder = make_run(tmp_path)
    threads = [threading.Thread(target=store_results, args=(folder, {"results": {}, "k": k})) for k in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    files = results_files(folder)
    assert [path.name for path in files] == ["results.json", *(f"results-{k}.json" for k in range(2, 13))]
    assert {json.loads(path.read_text(encoding="utf-8"))["k"] for path in files} == set(range(12))


def test_damaged_results_are_told_of_and_older_ones_used(analysed):
    (analysed / "results-2.json").write_text('{"results": ', encoding="utf-8")
    (analysed / "results-x.json").write_text("no results", encoding="utf-8")
    results, problem = latest_results(analysed)
    assert results is not None
    assert results["settings"]["g"] == 2.0
    assert "results-2.json" in problem
    assert "damaged" in trace(analysed)["results"][1]["problem"]
    "\n".join(describe(trace(analysed)))
    assert keep_results([analysed], results)[0].name == "results-3.json"


def test_what_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path):
    with pytest.raises(RunError, match="cannot be written"):
        store_results(tmp_path / "none", {"results": {}})
    with pytest.raises(ValueError, match="JSON"):
        store_results(tmp_path, {"results": {"alpha": float("nan")}})
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_run_is_traced_as_far_as_it_can_be_read(tmp_path):
    folder = make_run(tmp_path)
    (folder / "events.jsonl").write_text("damaged\n", encoding="utf-8")
    told = trace(folder)
    assert told["status"] == "damaged"
    assert told["rows"]["sha256"]
    assert "line 1" in "\n".join(describe(told))
    next(folder.glob("*.csv")).unlink()
    assert describe_input(folder)["rows"]["sha256"] is None


def test_a_resumed_run_tells_with_what_it_was_gone_on_with_and_what_was_changed(tmp_path):
    folder = make_run(tmp_path, status="aborted")
    later = [
        {"event": "run_resume", "wall": "2026-03-02T08:00:00+00:00", "rows": 5, "versions": {"sotlab": "0.2.0"}},
        {"event": "parameter_changed", "name": "frequency", "old": 7e9, "new": 8e9},
        *({"event": "skip", "index": k} for k in range(100)),
        {"event": "run_close", "exit_status": "finished", "rows": 9},
    ]
    with (folder / "events.jsonl").open("a", encoding="utf-8") as journal:
        journal.writelines(json.dumps(event) + "\n" for event in later)
    told = trace(folder)
    assert (told["status"], told["rows"]["rows"]) == ("finished", 9)
    assert [(one["rows"], one["versions"]) for one in told["resumed"]] == [(5, {"sotlab": "0.2.0"})]
    assert told["parameters"]["frequency"]["value"] == 8e9
    shown = "\n".join(describe(told))
    assert "0.2.0" in shown
    assert "62 more in events.jsonl" in shown


def test_the_state_of_a_checkout_is_its_commit_and_whether_files_were_changed(tmp_path, monkeypatch):
    def git(*arguments):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *identity, "-C", str(tmp_path), *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    package = tmp_path / "src" / "sotlab"
    (package / "procedures" / "runs").mkdir(parents=True)
    (package / "clock.py").write_text("1\n")
    monkeypatch.setattr(provenance, "__file__", str(package / "procedures" / "runs" / "provenance.py"))
    assert code_state()["commit"] is None  # no repository
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "not ours")
    assert code_state()["commit"] is None  # somebody else's, in which this merely lies
    git("add", "src")
    git("commit", "-q", "-m", "ours")
    assert code_state() | {"sotlab": ""} == {"sotlab": "", "commit": git("rev-parse", "HEAD"), "dirty": False}
    (package / "clock.py").write_text("2\n")
    assert code_state()["dirty"] is True
    monkeypatch.setenv("PATH", "")
    assert code_state()["commit"] is None  # no git
