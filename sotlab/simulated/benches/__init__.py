"""The benches: which instruments, as a YAML file, and how they are wired to the sample, as a module beside it."""
