"""Numbers in eight bits: how filters are rounded, and which range of a map's values is told apart. No torch."""
