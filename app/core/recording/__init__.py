"""Writes what a live source gives to files, as it comes: whole recordings, and clips that begin before their cause."""
