"""A sound of the program's own, made here and played by whatever the system plays sounds with."""

from __future__ import annotations

import io
import math
import shutil
import struct
import sys
import wave
from pathlib import Path

from app.core.alarms.actions import AlarmError, CommandAction
from app.core.alarms.message import AlarmMessage
from app.core.errors import AppError
from app.core.files.atomic_file import write_atomically
from app.core.files.write_errors import explain_write_error
from app.core.paths import cache_dir

RATE = 44_100
_TONES = ((880.0, 0.16), (1174.7, 0.34))  # A5, D6; Hz and seconds
_LOUDNESS = 0.5
_ATTACK_S, _FADE_PER_S = 0.005, 9.0
_PLAYERS = (("pw-play",), ("paplay",), ("aplay", "-q"))


def alarm_wave() -> bytes:
    """Returns two tones that fade, as a WAV file: mono, 16 bits."""
    samples = bytearray()
    for frequency, seconds in _TONES:
        for number in range(round(seconds * RATE)):
            time_s = number / RATE
            level = min(1.0, time_s / _ATTACK_S, (seconds - time_s) / _ATTACK_S) * math.exp(-_FADE_PER_S * time_s)
            samples += struct.pack("<h", round(32767 * _LOUDNESS * level * math.sin(math.tau * frequency * time_s)))
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(samples))
    return content.getvalue()


class SoundAction:
    """Plays it when an event begins.

    Raises:
        AppError: This computer has no program that plays sounds, or the sound cannot be written.
    """

    key = "sound"
    name = "The sound"

    def __init__(self) -> None:
        self._file = _file()
        self._player: CommandAction | None = None
        if sys.platform != "win32":
            self._player = CommandAction([*_player(), str(self._file)], limit_s=10.0)

    def wants(self, message: AlarmMessage) -> bool:
        """See ``Action``."""
        return message.moment == "began"

    def send(self, message: AlarmMessage) -> None:
        """See ``Action``."""
        if self._player is not None:
            try:
                self._player.send(message)
            except AlarmError:
                raise AlarmError("The sound cannot be played.", may_try_again=False) from None
        elif sys.platform == "win32":
            import winsound

            try:
                winsound.PlaySound(str(self._file), winsound.SND_FILENAME)
            except RuntimeError:
                raise AlarmError("The sound cannot be played.", may_try_again=False) from None


def _player() -> tuple[str, ...]:
    wanted = (("afplay",),) if sys.platform == "darwin" else _PLAYERS
    found = next((player for player in wanted if shutil.which(player[0])), None)
    if found is None:
        raise AppError(
            "This computer has no program that plays sounds.",
            "Install pw-play, paplay or aplay (PipeWire, PulseAudio, ALSA), or leave out the sound.",
        )
    return found


def _file() -> Path:
    path = cache_dir() / "alarm.wav"
    content = alarm_wave()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_bytes() != content:
            write_atomically(path, content)
    except OSError as error:
        raise explain_write_error(error, path) from error
    return path
