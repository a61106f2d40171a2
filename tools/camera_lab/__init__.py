"""A real camera on a computer that has none; see ``run.py``."""
