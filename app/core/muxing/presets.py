"""Which encoders there are for each container, best first, and what each quality means to them. Data."""

from __future__ import annotations

from app.core.muxing.video_options import MKV, MP4, WEBM, ContainerKind

# Hardware first: it leaves the processor to the detector. It fails to open without its device, which costs little.
# Those after libx264 are for builds of FFmpeg without it.
H264 = (
    "h264_nvenc", "h264_videotoolbox", "h264_qsv", "h264_amf", "h264_mf",
    "libx264", "libopenh264", "mpeg4",
)  # fmt: skip
WEB = ("libvpx-vp9", "libsvtav1")
ENCODERS: dict[ContainerKind, tuple[str, ...]] = {MP4: H264, MKV: H264, WEBM: WEB}
FULLY_FREE = ("libopenh264", "mpeg4")  # a step down, so it is said when one of them is taken

_DRAFT, _GOOD, _BEST = "draft", "good", "best"

OPTIONS: dict[str, dict[str, dict[str, str]]] = {
    "libx264": {
        _DRAFT: {"preset": "superfast", "crf": "27"},
        _GOOD: {"preset": "veryfast", "crf": "20"},
        _BEST: {"preset": "slow", "crf": "16"},
    },
    "h264_nvenc": {
        _DRAFT: {"preset": "p2", "rc": "vbr", "cq": "30", "b": "0"},
        _GOOD: {"preset": "p4", "rc": "vbr", "cq": "23", "b": "0"},
        _BEST: {"preset": "p7", "rc": "vbr", "cq": "18", "b": "0"},
    },
    "h264_qsv": {
        _DRAFT: {"preset": "veryfast", "global_quality": "30"},
        _GOOD: {"preset": "medium", "global_quality": "23"},
        _BEST: {"preset": "veryslow", "global_quality": "18"},
    },
    "h264_amf": {
        _DRAFT: {"quality": "speed", "rc": "cqp", "qp_i": "28", "qp_p": "30"},
        _GOOD: {"quality": "balanced", "rc": "cqp", "qp_i": "21", "qp_p": "23"},
        _BEST: {"quality": "quality", "rc": "cqp", "qp_i": "17", "qp_p": "18"},
    },
    # Windows has one in software as well, which is worse than libx264.
    "h264_mf": {name: {"hw_encoding": "1"} for name in (_DRAFT, _GOOD, _BEST)},
    "mpeg4": {
        name: {"qscale": str(scale), "flags": "+qscale", "global_quality": str(scale * 118)}
        for name, scale in ((_DRAFT, 6), (_GOOD, 3), (_BEST, 2))
    },
    "libvpx-vp9": {
        _DRAFT: {"crf": "40", "b": "0", "deadline": "realtime", "cpu-used": "8", "row-mt": "1"},
        _GOOD: {"crf": "31", "b": "0", "deadline": "realtime", "cpu-used": "6", "row-mt": "1"},
        _BEST: {"crf": "22", "b": "0", "deadline": "good", "cpu-used": "2", "row-mt": "1"},
    },
    "libsvtav1": {
        _DRAFT: {"preset": "12", "crf": "42"},
        _GOOD: {"preset": "10", "crf": "32"},
        _BEST: {"preset": "6", "crf": "22"},
    },
}
# For encoders without a setting of quality alone.
BITS_PER_PIXEL = {_DRAFT: 0.08, _GOOD: 0.15, _BEST: 0.3}
BY_BIT_RATE = ("h264_videotoolbox", "h264_mf", "libopenh264")
# Layout of frames where it is not the usual yuv420p.
PIXELS = {"h264_qsv": "nv12", "h264_amf": "nv12", "h264_mf": "nv12"}
