"""Runs a training from its data to its model file; see ``job``. Imports no torch."""
