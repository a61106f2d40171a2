"""Many exports: which videos, in which order, under which names, and what was left undone."""
