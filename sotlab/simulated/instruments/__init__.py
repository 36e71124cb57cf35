"""The simulated instruments, one file per model: each is the model's specification, and nothing more.

Every command names its source: a page of a manual, or "unverified" where only drivers or memory say so.
"""
