"""What torch does in many passes over memory, in one of Triton's kernels each; for NVIDIA GPUs.

Kernels are written in a language of their own that only looks like Python, and knows no types of ours. Every one has a
plain form in torch, which ``detector.runtime.kernel_trial`` holds it to on the card before it is used. Triton is on
Linux only, and needs a C compiler where it runs: all but ``kernel_set`` may fail to import.

Triton compiles anew for sizes that are 1 or divide by 16, unless told not to (``do_not_specialize``). Only for the
channels that is worth it: a block then loads and stores whole words.
"""
