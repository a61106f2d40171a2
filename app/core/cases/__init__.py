"""Answers about events as files: tables, a database, clips, snapshots, a heat map, and all of it as a case."""
