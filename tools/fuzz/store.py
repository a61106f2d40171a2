"""The reader of kept detections, and whole stores to damage: also behind their check sums, which anybody can write."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from zlib import crc32

import numpy as np

from app.core.candidate_cache.store import CandidateStore
from app.core.candidate_cache.store_facts import SourceKey, StoreFacts
from app.core.candidate_cache.store_format import HEAD_BYTES, MAGIC, PREFIX, StoredFrame
from app.core.candidate_cache.store_writer import StoreWriter
from detector.detections import Candidates
from tools.fuzz.mutations import damage
from tools.fuzz.run import Target

_WORDS = (
    b'"',
    b"{",
    b"}",
    b"[",
    b"null",
    b"-1",
    b"1e999",
    b"NaN",
    b"\\ud800",
    b'"floor"',
    b'"labels"',
    b"\n",
    b"[[[[[[",
)
_PACKED_AT, _CRC_AT = 36, 40  # of ``_HEAD`` in store_format


def store_target() -> Target:
    """Returns the reader of a whole store, which looks at every frame and at what follows the last one."""

    def read(path: Path) -> object:
        with CandidateStore.open(path) as store:
            frames = [store.candidates(index) for index in range(store.frames)]
            if store.frames:
                store.recall(store.index_at(Fraction(1, 30)), Fraction(1, 30), 64, 48, index_is_exact=False)
            return frames, store.source_sha256, store.tail(10_000)

    raw = partial(damage, words=_WORDS)
    return Target(".ssdv", read, (_store(3), _store(0)), (raw, _damage_facts, _damage_block))


def _store(frames: int) -> bytes:
    facts = StoreFacts(SourceKey("a.mp4", 9, 1, "ab", "cd"), "demo", "", "openvino", "cpu", "fp32", ("a", "b"), 0.05)
    scores = np.array([0.9, 0.5], np.float32)
    found = Candidates(np.ones((2, 4), np.float32), scores, np.zeros(2, np.int32), np.array([True, False]), 0.5)
    with TemporaryDirectory() as folder:
        writer = StoreWriter(Path(folder) / "a.ssdv")
        writer.begin(facts)
        writer.extend(StoredFrame(Fraction(index, 30), 64, 48, found) for index in range(frames))
        writer.finish("0" * 64)
        return (Path(folder) / "a.ssdv").read_bytes() + b'{"asked": "x"}\n'


def _damage_facts(content: bytes, random: Random) -> bytes:
    """Damages the description of a store, whose length and check sum are right again."""
    start = len(MAGIC) + PREFIX.size
    length, _ = PREFIX.unpack_from(content, len(MAGIC))
    facts = damage(content[start : start + length], random, _WORDS)
    return MAGIC + PREFIX.pack(len(facts), crc32(facts)) + facts + content[start + length :]


def _damage_block(content: bytes, random: Random) -> bytes:
    """Damages the first block's unpacked content or its head, whose check sum is right again."""
    start = len(MAGIC) + PREFIX.size + PREFIX.unpack_from(content, len(MAGIC))[0]
    head = bytearray(content[start : start + HEAD_BYTES])
    (packed,) = struct.unpack_from("<I", head, _PACKED_AT)
    end = start + HEAD_BYTES + packed
    payload = content[start + HEAD_BYTES : end]
    if packed and random.random() < 0.7:
        raw = bytearray(zlib.decompress(payload))
        for _ in range(random.randint(1, 4)):
            raw[random.randrange(len(raw))] = random.choice((0, 1, 127, 128, 255, random.randrange(256)))
        payload = zlib.compress(bytes(raw))
    else:
        head[random.randrange(_PACKED_AT)] = random.randrange(256)
    struct.pack_into("<I", head, _PACKED_AT, len(payload))
    struct.pack_into("<I", head, _CRC_AT, zlib.crc32(payload, zlib.crc32(bytes(head[:_CRC_AT]))))
    return content[:start] + bytes(head) + payload + content[end:]
