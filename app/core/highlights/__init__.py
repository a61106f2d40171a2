"""The best frame and the clips of objects in a video."""
