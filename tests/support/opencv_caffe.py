"""Run as a program by an OpenCV of version 4, which still reads Caffe: what its network gives for an array of images.

``python opencv_caffe.py net.prototxt net.caffemodel images.npy answers.npz LAYER…``
"""

from __future__ import annotations

import sys

import cv2
import numpy as np


def main() -> None:
    """Writes the answers of every layer named."""
    prototxt, weights, images, answers, *layers = sys.argv[1:]
    net = cv2.dnn.readNetFromCaffe(prototxt, weights)  # type: ignore[attr-defined]  # not in version 5
    net.setInput(np.load(images))
    np.savez(answers, *net.forward(layers))


if __name__ == "__main__":
    main()
