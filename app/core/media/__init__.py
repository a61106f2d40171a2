"""What reading and writing a video have in common: opening a container, and the clocks in it."""
