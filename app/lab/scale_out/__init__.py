"""Thousands of videos over several computers: what is to be done (no Ray), one video of it, and Ray's part."""
