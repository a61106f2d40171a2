"""Exports ten frames of the sample clip with its sound through the demo model, and reads the file back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from app.core.export.job import ExportJob
from app.core.export.request import ExportReport, ExportRequest
from app.core.settings import ModelSettings
from app.lab.self_test.checks import Check
from detector.bundled_files import bundled_path
from detector.errors import ExplainedError

MODEL, CLIP = "demo", "demo.mp4"
"""The bundled model, and the clip of what it detects."""
_TIMES_MS = (0, 33, 70, 100, 150, 166, 233, 267, 300, 340)  # as uneven as a phone's


@dataclass(frozen=True, slots=True)
class Tracks:
    """The frames and sound that a player gets from a file.

    Attributes:
        times: Time of each frame that can be decoded, seconds.
        sound: The sound packets as stored.
    """

    times: tuple[Fraction, ...]
    sound: tuple[bytes, ...]


def export() -> Iterator[Check]:
    """Checks the export and the content of its file."""
    clip = bundled_path("assets", CLIP)
    if not clip.is_file():
        yield Check("export", False, "the sample clip is not in this installation")
        return
    with TemporaryDirectory(prefix="ssd-viewer-self-test-", ignore_cleanup_errors=True) as folder:
        source, output = Path(folder, "clip.mkv"), Path(folder, "clip.annotated.mp4")
        try:
            make_clip(clip, source)
            report = ExportJob(ExportRequest(source, output, model=ModelSettings(MODEL))).run()
            wrong = differences(read_tracks(source), read_tracks(output), report.detections)
        except (ExplainedError, OSError) as error:
            yield Check("export", False, str(error))
            return
    yield Check("export", not wrong, "; ".join(wrong) or _text(report))


def make_clip(sample: Path, target: Path) -> None:
    """Writes the sample's first ten frames losslessly, at uneven times, with its sound untouched (.mkv)."""
    import av

    with av.open(str(sample)) as source, av.open(str(target), "w") as container:
        heard = source.streams.audio[0]
        shown = container.add_stream("ffv1", rate=30)
        shown.width, shown.height = source.streams.video[0].width, source.streams.video[0].height
        shown.pix_fmt = "yuv420p"
        shown.time_base = shown.codec_context.time_base = Fraction(1, 1000)
        copied = container.add_stream_from_template(heard)
        for time, frame in zip(_TIMES_MS, islice(source.decode(video=0), len(_TIMES_MS)), strict=True):
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(shown.encode(frame))
        container.mux(shown.encode(None))
        source.seek(0)
        for packet in source.demux(heard):
            time_s = None if packet.pts is None or packet.time_base is None else packet.pts * packet.time_base
            if packet.size and time_s is not None and time_s * 1000 <= _TIMES_MS[-1]:
                packet.stream = copied
                container.mux(packet)


def read_tracks(path: Path) -> Tracks:
    """Decodes the frames, copies the sound packets."""
    import av

    times: list[Fraction] = []
    sound: list[bytes] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.pts is not None and frame.time_base is not None:
                times.append(frame.pts * frame.time_base)
    with av.open(str(path)) as container:  # reopened: seeking to 0 would skip packets before it
        if container.streams.audio:
            sound = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    return Tracks(tuple(times), tuple(sound))


def differences(source: Tracks, result: Tracks, detections: int) -> list[str]:
    """Returns what is wrong with the result, one short sentence each; empty if all is well."""
    wrong = []
    if len(result.times) != len(source.times):
        wrong.append(f"{len(result.times)} of {len(source.times)} frames can be read back")
    elif result.times != source.times:
        worst = max(abs(there - here) for there, here in zip(result.times, source.times, strict=True))
        wrong.append(f"frames are shown up to {float(worst) * 1000:.1f} ms from their time")
    if not source.sound or result.sound != source.sound:
        wrong.append(f"the sound is not the source's: {len(result.sound)} packets of {len(source.sound)}")
    if not detections:
        wrong.append("nothing was found in frames full of objects")
    return wrong


def _text(report: ExportReport) -> str:
    return (
        f"{report.frames} frames with sound read back, {report.detections} objects; "
        f"{report.encoder}, {report.device}, {report.precision}"
    )
