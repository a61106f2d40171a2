"""Measures what the documents state: the tables of docs/performance.md, and figures of exports and of the window."""
