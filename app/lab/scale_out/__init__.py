"""Exports thousands of videos on several computers: the tasks (no Ray), the worker for one video, and the Ray part."""
