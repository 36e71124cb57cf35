"""Scans that calibrate an instrument: each run gives one dated file with its plot, which the station file can name."""
