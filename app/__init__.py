"""ssd-viewer: watch a camera or a video through an SSD detector. Importing the package loads nothing heavy."""

__version__ = "0.1.0"
