"""The bytes of a store of candidates. Pure; what is read may come from anywhere, so every size is checked first.

    file   = magic, u32 length, u32 CRC-32, facts as JSON; then blocks; then, once complete, one block of no frames,
             and lines of JSON: first the hash of the video, then where it is cut (older files lack this line, as do
             those of videos without cuts), then what ``export.history`` remembers
    block  = head (see ``HEAD``), payload by zlib
    payload = a row for each frame (``ROW``), then for all candidates of the block, in order: x1, y1, x2, y2, scores,
              class ids as planes of equal significance (all lowest bytes, all second bytes...), then ``kept`` as bits

Float32 bits are kept as they are, so that what comes from a store equals a fresh run exactly; the planes only put
alike bytes beside each other, which compresses better.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from app.core.candidate_cache.store_facts import StoreError
from detector.detections import Candidates, ClassIds, Mask

MAGIC = b"\x89SSDV1\r\n"
PREFIX = struct.Struct("<II")
MAX_FRAMES, MAX_CANDIDATES = 1024, 2**20  # in a block
_LEVEL = 4

# magic, frames, candidates, index of the first frame, its time (numerator, denominator), payload bytes, CRC-32
HEAD = struct.Struct("<4sIIQqqI")
CHECKSUM = struct.Struct("<I")
HEAD_BYTES = HEAD.size + CHECKSUM.size
BLOCK = b"FRMS"
_NO_NMS = -1.0
SOURCE_LINE = re.compile(rb'\{"source_sha256": "([0-9a-f]{64})"\}\n')
_CUTS_LINE = re.compile(rb'\{"cuts": \[([0-9]{1,18}(?:, [0-9]{1,18})*)\]\}\n')
MAX_CUTS_LINE = 2**20  # bytes; a video with more cuts than fit keeps none

ROW = np.dtype(
    [("num", "<i8"), ("den", "<i8"), ("width", "<u4"), ("height", "<u4"), ("count", "<u4"), ("iou", "<f8")], align=False
)
_BYTES_EACH = 24
_MAX_SIDE = 1_000_000

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class StoredFrame:
    """One frame as it is stored.

    Attributes:
        pts_s: Seconds from the first frame, exact.
        width: Width of the upright frame, pixels.
        height: Its height, pixels.
        candidates: Output of the network, down to the floor of the store.
    """

    pts_s: Fraction
    width: int
    height: int
    candidates: Candidates


@dataclass(frozen=True, slots=True)
class BlockHead:
    """A block without its payload.

    Attributes:
        frames: How many; 0 marks the end of a complete store.
        candidates: Their number in all its frames.
        first: Index of the first frame.
        pts_s: Its time.
        packed: Bytes of payload.
        crc: CRC-32 of head and payload.
    """

    frames: int
    candidates: int
    first: int
    pts_s: Fraction
    packed: int
    crc: int

    @property
    def unpacked(self) -> int:
        """Bytes of payload before compression."""
        return self.frames * ROW.itemsize + self.candidates * _BYTES_EACH + -(-self.candidates // 8)


def pack_block(first: int, frames: Sequence[StoredFrame]) -> bytes:
    """A whole block; no frames for the end mark.

    Raises:
        StoreError: A frame has more candidates than fit, or a time that cannot be.
    """
    found = [frame.candidates for frame in frames]
    total = sum(map(len, found))
    if len(frames) > MAX_FRAMES or total > MAX_CANDIDATES:
        raise StoreError("A frame has more candidates than can be kept.")
    try:
        rows = np.array([_row(frame) for frame in frames], ROW)
    except OverflowError as error:
        raise StoreError("A frame has a time that cannot be kept.") from error
    payload = zlib.compress(rows.tobytes() + _pack_candidates(found), _LEVEL) if frames else b""
    start = frames[0].pts_s if frames else Fraction(0)
    head = HEAD.pack(BLOCK, len(frames), total, first, start.numerator, start.denominator, len(payload))
    return head + CHECKSUM.pack(zlib.crc32(payload, zlib.crc32(head))) + payload


def pack_source_line(sha256: str) -> bytes:
    """The line behind the end mark with the hash of all the bytes of the video; empty where it is not known."""
    return f'{{"source_sha256": "{sha256}"}}\n'.encode() if sha256 else b""


def pack_cuts_line(cuts: Sequence[int]) -> bytes:
    """The line with the first frames of all scenes but the first; empty where there are none, or far too many."""
    line = f'{{"cuts": [{", ".join(map(str, cuts))}]}}\n'.encode() if cuts else b""
    return line if len(line) <= MAX_CUTS_LINE else b""


def unpack_cuts_line(line: bytes, frames: int) -> tuple[int, ...]:
    """Undoes ``pack_cuts_line``, for a video of that many frames; none where ``line`` is another one, or damaged."""
    found = _CUTS_LINE.fullmatch(line)
    cuts = tuple(map(int, found[1].split(b", "))) if found else ()
    rising = all(one < other for one, other in zip((0, *cuts), (*cuts, frames), strict=True))
    return cuts if rising else ()


def _row(frame: StoredFrame) -> tuple[int, int, int, int, int, float]:
    found, time = frame.candidates, frame.pts_s
    iou = _NO_NMS if found.kept is None else found.iou_threshold
    return time.numerator, time.denominator, frame.width, frame.height, len(found), iou


def _pack_candidates(found: Sequence[Candidates]) -> bytes:
    if not any(map(len, found)):
        return b""
    boxes = np.concatenate([candidates.boxes_xyxy for candidates in found]).astype("<f4", copy=False)
    scores = np.concatenate([candidates.scores for candidates in found]).astype("<f4", copy=False)
    ids = np.concatenate([candidates.class_ids for candidates in found]).astype("<i4", copy=False)
    kept = [np.zeros(len(c), np.bool_) if c.kept is None else c.kept for c in found]
    return b"".join((_planes(boxes.T), _planes(scores), _planes(ids), np.packbits(np.concatenate(kept)).tobytes()))


def _planes(values: npt.NDArray[np.generic]) -> bytes:
    return np.ascontiguousarray(values).view(np.uint8).reshape(-1, 4).T.tobytes()


def unpack_head(content: bytes, first: int) -> BlockHead | None:
    """The head of the block whose first frame is ``first``; None where there is none, or it makes no sense."""
    if len(content) != HEAD_BYTES:
        return None
    mark, frames, candidates, index, numerator, denominator, packed = HEAD.unpack_from(content)
    (crc,) = CHECKSUM.unpack_from(content, HEAD.size)
    if mark != BLOCK or index != first or frames > MAX_FRAMES or candidates > MAX_CANDIDATES or denominator < 1:
        return None
    head = BlockHead(frames, candidates, index, Fraction(numerator, denominator), packed, crc)
    # zlib never makes anything larger than this; no frames have no payload
    fits = packed <= head.unpacked + head.unpacked // 1000 + 64 if frames else packed == candidates == 0
    return head if fits else None


def whole(head: bytes, payload: bytes) -> bool:
    """Returns whether neither was damaged."""
    return head.endswith(CHECKSUM.pack(zlib.crc32(payload, zlib.crc32(head[: HEAD.size]))))


def unpack_block(head: BlockHead, payload: bytes) -> list[StoredFrame]:
    """The frames of a block.

    Args:
        head: Its head, checked.
        payload: ``head.packed`` bytes.

    Raises:
        StoreError: They cannot be what a writer of ours wrote.
    """
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(payload, head.unpacked + 1)
    except zlib.error as error:
        raise StoreError("The kept detections are damaged.") from error
    if len(raw) != head.unpacked or not unpacker.eof:
        raise StoreError("The kept detections are damaged.")
    rows = np.frombuffer(raw, ROW, head.frames)
    total = head.candidates
    if int(rows["count"].sum(dtype=np.uint64)) != total or not _plausible(rows):
        raise StoreError("The kept detections are damaged.")
    rest = np.frombuffer(raw, np.uint8, offset=rows.nbytes)
    boxes = np.ascontiguousarray(_floats(rest[: 16 * total]).reshape(4, total).T)
    scores = _floats(rest[16 * total : 20 * total])
    ids = _joined(rest[20 * total : 24 * total]).view("<i4").astype(np.int32, copy=False)
    kept = np.unpackbits(rest[24 * total :], count=total).astype(np.bool_)
    if not (np.isfinite(boxes).all() and ((scores >= 0) & (scores <= 1)).all() and (ids >= 0).all()):
        raise StoreError("The kept detections are damaged.")  # NaN is neither
    ends = np.cumsum(rows["count"], dtype=np.int64).tolist()
    parts = [slice(end - int(count), end) for end, count in zip(ends, rows["count"], strict=True)]
    return [_frame(row, boxes[p], scores[p], ids[p], kept[p]) for row, p in zip(rows, parts, strict=True)]


def _floats(planes: Bytes) -> Floats:
    return _joined(planes).view("<f4").astype(np.float32, copy=False)


def _joined(planes: Bytes) -> Bytes:
    return np.ascontiguousarray(planes.reshape(4, -1).T).reshape(-1)


def _plausible(rows: npt.NDArray[np.void]) -> bool:
    sides = (rows["width"], rows["height"])
    return bool(
        (rows["den"] > 0).all()
        and all((side >= 1).all() and (side <= _MAX_SIDE).all() for side in sides)
        and ((rows["iou"] == _NO_NMS) | ((rows["iou"] >= 0) & (rows["iou"] <= 1))).all()
    )


def _frame(row: np.void, boxes: Floats, scores: Floats, ids: ClassIds, kept: Mask) -> StoredFrame:
    iou = float(row["iou"])
    try:
        # Copies, so that one frame that is kept does not keep its whole block.
        found = Candidates(boxes.copy(), scores.copy(), ids.copy())
        if iou != _NO_NMS:
            found = Candidates(found.boxes_xyxy, found.scores, found.class_ids, kept.copy(), iou)
    except ValueError as error:  # scores that do not descend
        raise StoreError("The kept detections are damaged.") from error
    return StoredFrame(Fraction(int(row["num"]), int(row["den"])), int(row["width"]), int(row["height"]), found)
