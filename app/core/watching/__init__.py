"""Live sources watched without a window: recorded, their events found, told and kept."""
