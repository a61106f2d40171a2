"""The demo model: scenes the project draws itself, a tiny SSD300 trained on them, a sample clip of the same kind."""
