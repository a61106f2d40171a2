"""Fuzzes the readers of untrusted files: every damaged input must give a result or a one-line error."""
