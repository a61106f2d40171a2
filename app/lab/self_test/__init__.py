"""What works on this computer, part by part; each part is a generator of ``Check``s and none stops the others.

``parts.PARTS`` lists them. Everything blocks; for a command line or a worker.
"""
