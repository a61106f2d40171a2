"""When something that is watched live is worth telling, and how it is told."""
