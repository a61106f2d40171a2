"""One event for each object of a video: when and where it was, which zones it entered, which lines it crossed."""
