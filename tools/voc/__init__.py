"""Our own detector of the twenty VOC classes: how it is made. ``python -m tools.voc.train`` makes it."""
