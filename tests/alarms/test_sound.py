"""The alarm's sound: a file that others play, given to the system's player when an event begins."""

from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np
import pytest

from app.core.alarms import sound as sound_module
from app.core.alarms.actions import AlarmError
from app.core.alarms.message import AlarmMessage
from app.core.alarms.sound import RATE, SoundAction, alarm_wave
from app.core.errors import AppError


def message(moment: str = "began") -> AlarmMessage:
    return AlarmMessage("person", "2026-11-30T08:15:00+01:00", "door", "", "", {}, moment)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder with programs."""
    monkeypatch.setattr(sound_module, "cache_dir", lambda: tmp_path / "cache")
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!{sys.executable}\nimport sys\n{script}\n")
    (folder / name).chmod(0o755)


def test_ffmpeg_hears_two_tones(tmp_path: Path) -> None:
    (tmp_path / "alarm.wav").write_bytes(alarm_wave())
    with av.open(str(tmp_path / "alarm.wav")) as file:
        samples = np.concatenate([frame.to_ndarray().ravel() for frame in file.decode(audio=0)]) / 32768
        assert (file.streams.audio[0].rate, file.streams.audio[0].channels) == (RATE, 1)
    assert len(samples) == RATE // 2
    assert 0.3 < np.abs(samples).max() <= 0.5
    heard = []
    for part in (samples[: RATE * 16 // 100], samples[RATE * 16 // 100 :]):
        heard.append(np.argmax(np.abs(np.fft.rfft(part, RATE))))  # a bin for each Hz
    assert heard == pytest.approx([880, 1175], abs=6)
    assert np.abs(samples[[0, -1]]).max() < 0.01  # it does not click


@pytest.mark.skipif(sys.platform != "linux", reason="players of Linux")
def test_the_first_player_there_is_plays_it(programs: Path, tmp_path: Path) -> None:
    install(programs, "aplay", f"open({str(tmp_path / 'played')!r}, 'w').write(' '.join(sys.argv[1:]))")
    action = SoundAction()
    assert [action.wants(message(moment)) for moment in ("began", "ended", "clip")] == [True, False, False]
    action.send(message())
    assert (tmp_path / "played").read_text() == f"-q {tmp_path / 'cache' / 'alarm.wav'}"
    assert (tmp_path / "cache" / "alarm.wav").read_bytes() == alarm_wave()


@pytest.mark.skipif(sys.platform != "linux", reason="players of Linux")
def test_a_player_that_fails_is_said(programs: Path) -> None:
    install(programs, "pw-play", "sys.exit(3)")
    with pytest.raises(AlarmError) as raised:
        SoundAction().send(message())
    assert not raised.value.may_try_again


@pytest.mark.skipif(sys.platform == "win32", reason="Windows plays sounds by itself")
def test_a_computer_without_a_player_says_so_at_once(programs: Path) -> None:
    with pytest.raises(AppError):
        SoundAction()
