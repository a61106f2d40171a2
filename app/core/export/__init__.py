"""One export, from its request to the finished files."""
