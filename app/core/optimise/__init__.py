"""Optimising a model for this computer."""
