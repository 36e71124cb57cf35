"""The operator's window: a thin view on a run. The only part that imports Qt; importing this package does not."""
