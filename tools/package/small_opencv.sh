#!/bin/sh
# Builds OpenCV with only what ssd-viewer uses, into build/small_opencv, where `make bundle` takes it from: 160 MB less.
# Wants a C++ compiler, cmake, and the development files of zlib, libpng and libjpeg (without them slower ones are built);
# 20 minutes on two cores. What was compiled stays in build/opencv: a second run is short.
# The wheel from PyPI brings FFmpeg, OpenBLAS, IPP, OpenSSL and dnn; we use the image operations, the image files and
# cameras. `bench --versus opencv` needs dnn and is not in such a bundle. Delete build/small_opencv to go back.
set -eu
cd "$(dirname "$0")/../.."

version=$(sed -n 's/^opencv-python-headless==\([^ ;]*\).*/\1/p' constraints.txt | head -n 1)
[ -n "$version" ] || { echo "constraints.txt names no opencv-python-headless." >&2; exit 1; }
python="$PWD/.venv/bin/python"
source="build/opencv/opencv_python_headless-$version"
mkdir -p build/opencv
if [ ! -f "$source/setup.py" ]; then
    "$python" -m pip download --no-deps --no-binary opencv-python-headless --dest build/opencv "opencv-python-headless==$version"
    tar -xzf "$source.tar.gz" -C build/opencv
fi
# Descriptions for type checkers cannot be made of a part of OpenCV, and the wheel would not be made without them.
sed -i -e 's/\[ r"python\/cv2\/py.typed" \] if /[] if /' -e 's/^    if sys.version_info >= (3, 6):$/    if False:/' "$source/setup.py"
"$python" -m tools.package.opencv_font build/opencv/downloads

modules="core,imgproc,imgcodecs,videoio,python3"
off="-DWITH_FFMPEG=OFF -DWITH_GSTREAMER=OFF -DWITH_LAPACK=OFF -DWITH_OPENCL=OFF -DWITH_OPENEXR=OFF -DBUILD_OPENEXR=OFF"
off="$off -DWITH_JASPER=OFF -DWITH_AVIF=OFF -DWITH_PROTOBUF=OFF -DWITH_FLATBUFFERS=OFF -DWITH_IPP=OFF -DWITH_ITT=OFF"
off="$off -DWITH_VA=OFF -DWITH_EIGEN=OFF -DWITH_VTK=OFF -DWITH_OBSENSOR=OFF -DWITH_1394=OFF -DCV_TRACE=OFF"
own="-DBUILD_TIFF=ON -DBUILD_WEBP=ON -DBUILD_OPENJPEG=ON"
processor=""
# What numpy asks of a processor, and the step that most of them have.
[ "$(uname -m)" != x86_64 ] || processor="-DCPU_BASELINE=SSE4_2 -DCPU_DISPATCH=AVX2"

ENABLE_HEADLESS=1 OPENCV_DOWNLOAD_PATH="$PWD/build/opencv/downloads" LDFLAGS="-Wl,-s" \
    CMAKE_ARGS="-DBUILD_LIST=$modules -DPYTHON3_LIMITED_API=ON -DWITH_V4L=ON -DCMAKE_BUILD_TYPE=Release $processor $own $off" \
    "$python" -m pip wheel --verbose --no-deps --wheel-dir build/opencv/wheels "./$source"
rm -rf build/small_opencv
"$python" -m pip install --no-deps --target build/small_opencv build/opencv/wheels/opencv_python_headless-"$version"-*.whl
PYTHONPATH=build/small_opencv "$python" -m tools.package.check_opencv
