"""Motion between neighbouring frames: of points, of the camera, and of boxes with what they hold."""
