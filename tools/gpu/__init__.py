"""Checks the GPU engine on a computer with an NVIDIA GPU: accuracy, speed, memory. See ``check``."""
