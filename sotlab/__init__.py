"""sotlab runs a spin-orbit-torque lab. This package imports nothing: each part is imported by who needs it."""
