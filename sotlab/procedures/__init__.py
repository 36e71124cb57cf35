"""What is measured: one file per experiment. How it is run stands in ``runs/``."""
