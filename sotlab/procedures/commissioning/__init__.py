"""Checks of a whole bench: scans that each give one number with its sigma, and what is allowed."""
