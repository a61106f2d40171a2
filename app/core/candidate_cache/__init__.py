"""What the network found in every frame of a video, kept on disk. Knows no export."""
