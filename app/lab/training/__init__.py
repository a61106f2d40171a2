"""One training from its data to its model file, without a window; see ``job``. No torch is imported here."""
