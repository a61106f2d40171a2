"""Measures, evaluates, trains and scales out models: for the command line and the tools, never for the window."""
