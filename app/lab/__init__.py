"""What measures, judges, trains and distributes models: for the command line and the tools, never for the window."""
