"""Tests what works on this computer, part by part; each part yields ``Check``s and none stops the others.

``parts.PARTS`` lists them. Everything blocks; meant for the command line or a worker.
"""
