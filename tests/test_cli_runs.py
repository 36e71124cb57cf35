"""``sotlab runs`` as people and scripts meet it: output, one-line errors, exit codes."""

import json
import shutil

import pytest

from sotlab.cli import main

from .procedures.runs.run_folders import make_run

ALPHA = {"alpha": {"value": 0.012, "sigma": 1e-4, "unit": ""}}


@pytest.fixture
def sotlab(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "runs", 0, results=ALPHA)
    make_run(tmp_path / "runs", 1, sample="Pt-Co", simulated=False)

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["runs", *map(str, arguments)])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return ended.value.code, captured.out, captured.err

    return call


def asked(sotlab, *arguments):
    code, out, err = sotlab(*arguments, "--json")
    assert err == ""
    assert code == 0
    return json.loads(out)


def test_runs_are_listed_searched_and_shown(sotlab):
    code, out, _ = sotlab("list")
    assert code == 0
    first, second = out.splitlines()
    assert first.split()[:4] == ["20260301-120000-00000", "finished", "5", "STFMRFieldSweep"]
    assert "SIMULATED" in first
    assert "0.01200 ± 0.00010" in first
    assert "SIMULATED" not in second
    (found,) = asked(sotlab, "search", "frequency=6GHz..8GHz", "--sample", "pt*")["runs"]
    assert found["sample"] == "Pt-Co"
    shown = asked(sotlab, "show", found["run"])
    assert shown["parameters"]["frequency"] == {"value": 7e9, "unit": "Hz"}
    assert shown["versions"]["sotlab"] == "0.1.0"
    assert "7 GHz" in sotlab("show", found["folder"])[1]
    code, out, _ = sotlab("list", "--last", "1")
    assert (len(out.splitlines()), "--last 0" in out) == (2, True)
    assert "no such run" in sotlab("search", "nothing-of-the-kind")[1]


def test_tags_and_notes_are_kept_found_and_shown_in_a_samples_history(sotlab):
    assert asked(sotlab, "tag", "00000", "good", "fig-3")["tags"] == ["good", "fig-3"]
    assert asked(sotlab, "tag", "00000", "fig-3", "--remove")["tags"] == ["good"]
    asked(sotlab, "note", "00000", "bonded anew")
    assert [run["run"] for run in asked(sotlab, "search", "--tag", "good")["runs"]] == ["20260301-120000-00000"]
    assert len(asked(sotlab, "search", "bonded")["runs"]) == 1
    lines = sotlab("history", "NiFe*")[1].splitlines()
    assert len(lines) == 2
    assert lines[1].endswith(": bonded anew")
    assert asked(sotlab, "history", "Pt-Co", "C1")["runs"] == []
    shown = sotlab("show", "00000")[1]
    assert "good" in shown
    assert "bonded anew" in shown


def test_runs_are_exported_bundled_and_imported(sotlab, tmp_path):
    told = asked(sotlab, "export", "00000", "00001", "--format", "csv", "--out", "tables")
    assert len(told["files"]) == 2
    code, _, err = sotlab("export", "00000", "--format", "csv", "--out", "tables")
    assert (code, "--overwrite" in err) == (1, True)
    assert sotlab("export", "00000", "--format", "csv", "--out", "tables", "--overwrite")[0] == 0
    told = asked(sotlab, "bundle", "00000", "00001", "--out", "paper.zip")
    assert (len(told["runs"]), (tmp_path / "paper.zip").is_file()) == (2, True)
    (tmp_path / "map.toml").write_text(
        'procedure = "Log"\nsource = "logger"\nsample = "film"\n[columns]\nfield = { column = 1, label = "B (T)" }\n'
    )
    (tmp_path / "good.txt").write_text("B (T),x\n1,2\n2,3\n3,4\n")
    code, out, err = sotlab("import", "good.txt", "none.txt", "--mapping", "map.toml")
    assert code == 1  # one could not be read; the other is there
    assert "none.txt" in err
    assert out.strip().endswith("_Log_film")
    assert asked(sotlab, "rebuild") == {"runs": 3, "damaged": []}


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["list", "--runs", "nowhere"], 1, ["nowhere", "--runs"]),
        (["show", "00009"], 2, ["'00009'", "sotlab runs list"]),
        (["show", "2026"], 2, ["2 runs"]),
        (["show", "."], 1, ["no run folder"]),
        (["search", "frequncy=7GHz"], 2, ["'frequncy'", "frequency"]),
        (["search", "--since", "monday"], 2, ["--since", "2026-01-31"]),
        (["search", "--status", "good"], 2, ["good", "finished"]),
        (["export", "00000", "--format", "xls"], 2, ["'xls'", "parquet"]),
        (["tag", "00000", "two words"], 2, ["two words"]),
        (["tag", "00000", "x", "--remove"], 2, ["no tag 'x'"]),
        (["note", "00000", " "], 2, ["empty"]),
        (["import", "x.txt", "--mapping", "none.toml"], 2, ["none.toml"]),
        (["bundle", "00000", "--out", "runs"], 1, ["there already"]),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(sotlab, arguments, code, named):
    ended, out, err = sotlab(*arguments)
    assert (ended, out) == (code, "")
    (line,) = err.splitlines()
    for word in named:
        assert word in line
    ended, out, err = sotlab(*arguments, "--json")
    assert (ended, err) == (code, "")
    assert set(json.loads(out)) == {"error"}


def test_a_damaged_run_is_shown_so_and_does_not_keep_the_others_from_being_exported(sotlab, tmp_path):
    (folder,) = (tmp_path / "runs").glob("*/*-00000_*")
    (folder / "events.jsonl").write_text("[" * 100_000 + "\n", encoding="utf-8")
    (folder / "notes.jsonl").write_bytes(b"\xff\x00\n")
    assert "damaged" in sotlab("show", "00000")[1]
    shutil.rmtree(tmp_path / "exports", ignore_errors=True)
    code, out, err = sotlab("export", "00000", "00001", "--format", "csv")
    assert code == 1
    assert len(err.splitlines()) == len(out.splitlines()) == 1
    code, out, err = sotlab("rebuild")
    assert (code, "damaged" in err) == (0, True)
    assert [run["status"] for run in asked(sotlab, "list")["runs"]] == ["damaged", "finished"]
