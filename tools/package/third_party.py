"""The libraries inside wheels that their licence files do not mention, with their licences. Data.

Known by how a file's name begins. The texts come from the building system's own packages where those are installed
(``debian``: how the folder below /usr/share/doc begins).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Library:
    """One library.

    Attributes:
        name: Name of the library.
        licence: SPDX expression.
        origin: Address of its source.
        debian: Prefix of the Debian package that has its copyright file; empty for none.
    """

    name: str
    licence: str
    origin: str
    debian: str = ""


_FFMPEG = Library("FFmpeg", "LGPL-3.0-or-later", "https://ffmpeg.org", "libavcodec")
_XCB = Library("libxcb", "MIT", "https://gitlab.freedesktop.org/xorg/lib/libxcb", "libxcb1")
_GCC = "GPL-3.0-or-later WITH GCC-exception-3.1"
_ICU = Library("ICU", "Unicode-3.0", "https://icu.unicode.org", "libicu7")
_NETTLE = Library(
    "Nettle", "LGPL-3.0-or-later OR GPL-2.0-or-later", "https://www.lysator.liu.se/~nisse/nettle", "libnettle"
)
_WEBP = Library("libwebp", "BSD-3-Clause", "https://chromium.googlesource.com/webm/libwebp", "libwebp7")
_OPENBLAS = Library("OpenBLAS", "BSD-3-Clause", "https://github.com/OpenMathLib/OpenBLAS", "libopenblas")
_AMR = Library("OpenCORE AMR", "Apache-2.0", "https://sourceforge.net/projects/opencore-amr", "libopencore-amrnb")
OLD_OPENSSL = Library("OpenSSL 1.1", "OpenSSL", "https://www.openssl.org", "")
NVIDIA = Library("NVIDIA CUDA", "LicenseRef-NVIDIA", "https://docs.nvidia.com/cuda/eula", "")

BY_PREFIX = {
    "libSvtAv1Enc": Library("SVT-AV1", "BSD-3-Clause-Clear", "https://gitlab.com/AOMediaCodec/SVT-AV1", "libsvtav1enc"),
    "libXau": Library("libXau", "MIT-open-group", "https://gitlab.freedesktop.org/xorg/lib/libxau", "libxau6"),
    "libaom": Library("libaom", "BSD-2-Clause", "https://aomedia.googlesource.com/aom", "libaom"),
    "libasound": Library("ALSA library", "LGPL-2.1-or-later", "https://github.com/alsa-project/alsa-lib", "libasound2"),
    "libav": _FFMPEG,
    "libavif": Library("libavif", "BSD-2-Clause", "https://github.com/AOMediaCodec/libavif", "libavif"),
    "libcrypto-": OLD_OPENSSL,
    "libdav1d": Library("dav1d", "BSD-2-Clause", "https://code.videolan.org/videolan/dav1d", "libdav1d"),
    "libdrm": Library("libdrm", "MIT", "https://gitlab.freedesktop.org/mesa/drm", "libdrm2"),
    "libgfortran": Library("GNU Fortran runtime", _GCC, "https://gcc.gnu.org", "libgfortran"),
    "libgmp": Library("GMP", "LGPL-3.0-or-later OR GPL-2.0-or-later", "https://gmplib.org", "libgmp10"),
    "libgnutls": Library("GnuTLS", "LGPL-2.1-or-later", "https://www.gnutls.org", "libgnutls30"),
    "libhogweed": _NETTLE,
    "libicu": _ICU,
    "libmp3lame": Library("LAME", "LGPL-2.0-or-later", "https://lame.sourceforge.io", "libmp3lame0"),
    "libnettle": _NETTLE,
    "libopenblas": _OPENBLAS,
    "libopencore-amr": _AMR,
    "libopus": Library("Opus", "BSD-3-Clause", "https://opus-codec.org", "libopus0"),
    "libpng": Library("libpng", "libpng-2.0", "http://www.libpng.org/pub/png/libpng.html", "libpng16"),
    "libquadmath": Library("GNU quad-precision library", "LGPL-2.1-or-later", "https://gcc.gnu.org", "libquadmath"),
    "libscipy_openblas": _OPENBLAS,
    "libsharpyuv": _WEBP,
    "libssl-": OLD_OPENSSL,
    "libsw": _FFMPEG,
    "libtbb": Library("oneTBB", "Apache-2.0", "https://github.com/uxlfoundation/oneTBB", ""),
    "libunistring": Library(
        "libunistring",
        "LGPL-3.0-or-later OR GPL-2.0-or-later",
        "https://www.gnu.org/software/libunistring",
        "libunistring",
    ),
    "libvpl": Library("oneVPL", "MIT", "https://github.com/intel/libvpl", "libvpl"),
    "libvpx": Library("libvpx", "BSD-3-Clause", "https://chromium.googlesource.com/webm/libvpx", "libvpx"),
    "libwebp": _WEBP,
    "libx264": Library("x264", "GPL-2.0-or-later", "https://code.videolan.org/videolan/x264", "libx264"),
    "libx265": Library("x265", "GPL-2.0-or-later", "https://bitbucket.org/multicoreware/x265_git", "libx265"),
    "libxcb": _XCB,
}
"""The longest beginning that fits is the one."""

# Inside Qt's own libraries; Qt's documentation has their texts: https://doc.qt.io/qt-6/licenses-used-in-qt.html
IN_QT = (
    Library("double-conversion (in Qt)", "BSD-3-Clause", "https://github.com/google/double-conversion", ""),
    Library("FreeType (in Qt)", "FTL OR GPL-2.0-only", "https://freetype.org", "libfreetype6"),
    Library("HarfBuzz (in Qt)", "MIT-Modern-Variant", "https://harfbuzz.github.io", "libharfbuzz0b"),
    Library("libjpeg-turbo (in Qt)", "IJG AND BSD-3-Clause", "https://libjpeg-turbo.org", "libjpeg62-turbo"),
    Library("libtiff (in Qt)", "libtiff", "https://libtiff.gitlab.io/libtiff", "libtiff6"),
    Library("libpng (in Qt)", "libpng-2.0", "http://www.libpng.org/pub/png/libpng.html", "libpng16"),
    Library("MD4C (in Qt)", "MIT", "https://github.com/mity/md4c", ""),
    Library("PCRE2 (in Qt)", "BSD-3-Clause", "https://pcre.org", "libpcre2-8"),
    Library("TinyCBOR (in Qt)", "MIT", "https://github.com/intel/tinycbor", ""),
    Library("libwebp (in Qt)", "BSD-3-Clause", "https://chromium.googlesource.com/webm/libwebp", "libwebp7"),
    Library("zlib (in Qt)", "Zlib", "https://zlib.net", "zlib1g"),
)

# Fonts inside OpenCV's library, which its licence files do not mention; the terms are those stated in the fonts.
IN_OPENCV = (
    Library("Rubik (font in OpenCV)", "OFL-1.1", "https://github.com/googlefonts/rubik", "fonts-rubik"),
    Library("WenQuanYi Micro Hei (font in OpenCV)", "Apache-2.0", "http://wenq.org", "fonts-wqy-microhei"),
)
