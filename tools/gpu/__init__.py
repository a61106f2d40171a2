"""The check of the GPU engine on a computer that has one: right, quick, and giving memory back. See ``check``."""
