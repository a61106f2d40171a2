"""Analysing the video that is looked at, and the list of its events."""
