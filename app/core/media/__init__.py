"""Shared by reading and writing a video: opening a container, and the clocks in it."""
