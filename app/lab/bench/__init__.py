"""How fast a model runs on this computer, beside others that run in the same rounds. No Qt; on the calling thread.

``run_bench`` takes a ``BenchRequest`` and gives a ``BenchReport``. Everything is measured from a decoded frame in host
memory to detections in host memory; what a contestant needs in between (upload, resize, copies) is part of its time.
"""
