"""Motion between neighbouring frames: where the points of a frame went, what the camera did, and where boxes go with it."""
