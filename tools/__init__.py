"""Programs that make, measure and try what the project ships; never imported by the app."""
