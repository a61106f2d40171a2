"""SSD object detection: networks, default boxes, post-processing, weights and the engines that run them.

A library: it knows no camera, no window and no settings file. Importing the package itself loads nothing heavy.
"""
