"""The best picture and the clips of objects in a video."""
