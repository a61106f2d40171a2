"""Benchmarks a model on this computer, next to others that run in the same rounds. No Qt; on the calling thread.

``run_bench`` takes a ``BenchRequest`` and returns a ``BenchReport``. Times run from decoded frames in host memory to
detections in host memory, with all that a contestant needs in between (upload, resize, copies).
"""
