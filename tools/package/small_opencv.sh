#!/bin/sh
# Builds OpenCV with only what ssd-viewer uses, into build/small_opencv, where `make bundle` takes it from.
# Untried. Wants a C++ compiler, cmake and half an hour; the wheel from PyPI brings 155 MB (FFmpeg, OpenBLAS, dnn), of
# which we use the picture operations, the image files and V4L2 cameras. `bench --versus opencv` needs the dnn
# module and is not in such a bundle. Delete build/small_opencv to go back.
set -eu
cd "$(dirname "$0")/../.."

version=$(sed -n 's/^opencv-python-headless==\([^ ;]*\).*/\1/p' constraints.txt | head -n 1)
[ -n "$version" ] || { echo "constraints.txt names no opencv-python-headless." >&2; exit 1; }
mkdir -p build/wheels

modules="core,imgproc,imgcodecs,videoio,python3"
off="-DWITH_FFMPEG=OFF -DWITH_GSTREAMER=OFF -DWITH_LAPACK=OFF -DWITH_OPENCL=OFF -DWITH_OPENEXR=OFF -DWITH_JASPER=OFF"
off="$off -DWITH_OPENJPEG=OFF -DWITH_AVIF=OFF -DWITH_PROTOBUF=OFF -DWITH_QUIRC=OFF -DWITH_ITT=OFF -DBUILD_TESTS=OFF"
off="$off -DBUILD_PERF_TESTS=OFF -DBUILD_opencv_apps=OFF -DOPENCV_ENABLE_NONFREE=OFF"

ENABLE_HEADLESS=1 CMAKE_ARGS="-DBUILD_LIST=$modules -DWITH_V4L=ON -DCMAKE_BUILD_TYPE=Release $off" \
    .venv/bin/python -m pip wheel --no-deps --no-binary opencv-python-headless --wheel-dir build/wheels \
    "opencv-python-headless==$version"
rm -rf build/small_opencv
.venv/bin/python -m pip install --no-deps --target build/small_opencv build/wheels/opencv_python_headless-"$version"-*.whl
.venv/bin/python - <<'PYTHON'
import sys

sys.path.insert(0, "build/small_opencv")
import cv2

assert "build/small_opencv" in cv2.__file__, cv2.__file__
assert "V4L2" in [cv2.videoio_registry.getBackendName(b) for b in cv2.videoio_registry.getCameraBackends()]
print(f"OpenCV {cv2.__version__} is in build/small_opencv.")
PYTHON
