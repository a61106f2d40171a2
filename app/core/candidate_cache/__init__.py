"""Cache on disk of the candidates of every frame of a video; independent of exports."""
