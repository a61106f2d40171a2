"""Checks the app against the camera, one line per check; runs inside the machine that ``run.py`` boots.

Listing, opening, formats, names, a second opener, no permission, silence, unplugging and plugging in, by the code that
the app itself uses: ``list_cameras``, ``open_source``, ``LiveSession`` (with a detector that does nothing) and the
command line.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))

from app.cli import main as command_line
from app.core.errors import AppError
from app.core.frames import Frame
from app.core.live import LiveState, SourceNote, SourceOpened, SourceTrouble
from app.core.sources.base import Source, SourceLostError, SourceOptions
from app.core.sources.cameras import list_cameras
from app.core.sources.uri import open_source
from tools.camera_lab import loopback, vivid
from tools.camera_lab.watch import Watched

NAME = "vivid-000-vid-cap"
PATIENT = SourceOptions(resolution=(640, 360), open_timeout_s=30, first_frame_s=20, stall_s=6)
NOBODY = 65534

SECOND_OPENER = """
import sys
from app.core.errors import AppError
from app.core.sources.uri import open_source
try:
    open_source("camera:0")
except AppError as error:
    print(error)
    sys.exit(1)
"""


@contextlib.contextmanager
def opened(uri: str, options: SourceOptions = PATIENT) -> Iterator[Source]:
    """Opens a source."""
    source = open_source(uri, options)
    try:
        yield source
    finally:
        source.close()


def refused(uri: str, options: SourceOptions = PATIENT) -> AppError:
    """Returns the reason why ``uri`` cannot be opened."""
    try:
        with opened(uri, options):
            pass
    except AppError as error:
        return error
    raise AssertionError(f"{uri} opened")


def frame(source: Source) -> Frame:
    """Returns the next frame, after checking that it is one."""
    found = source.read()
    assert found is not None
    assert found.image_bgr.std() > 5, "an empty frame"
    return found


def said(*arguments: str) -> str:
    """Returns the output of the command line."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert command_line(list(arguments)) == 0
    return out.getvalue()


# -- the checks, in order -------------------------------------------------------------------------------------------


def no_camera_is_said() -> str:
    assert list_cameras() == []
    assert said("cameras") == "No camera is connected.\n"
    error = refused("camera:0")
    assert error.message == "There is no camera 0.", error
    return str(error)


def only_nodes_that_send_video_are_listed() -> str:
    vivid.load(n_devs="2")
    listed = [(camera.index, camera.name) for camera in list_cameras()]
    expected = sorted((number, name) for number, name in vivid.node_names().items() if name.endswith("vid-cap"))
    assert listed == expected, (listed, expected)
    assert len(listed) == 2
    return f"{listed} of {len(vivid.node_names())} nodes"


def the_command_line_tells_the_formats() -> str:
    (first, second) = json.loads(said("cameras", "--json", "-"))["cameras"]
    assert first["stable_id"] != second["stable_id"]
    sizes = [line.partition(":")[0] for line in first["formats"]]
    assert sizes == ["3840x2160", "1920x1080", "1280x720", "640x480", "640x360", "320x180"], sizes
    line: str = first["formats"][3]
    assert "YUYV" in line, line
    assert " 25/15/" in line, line
    return line


def resolutions_are_honoured() -> str:
    for size in ((1280, 720), (640, 360), (320, 180)):
        with opened("camera:0", SourceOptions(resolution=size, first_frame_s=20)) as source:
            assert (source.info.width, source.info.height) == size, source.info
            frames = [frame(source) for _ in range(3)]
            assert [found.index for found in frames] == [0, 1, 2]
            assert {(found.width, found.height) for found in frames} == {size}
            assert (frames[0].image_bgr != frames[2].image_bgr).any(), "the frame stands still"
            assert source.take_notes() == ()
    return "1280x720, 640x360, 320x180"


def rates_are_honoured() -> str:
    with opened("camera:0", SourceOptions(resolution=(320, 180), fps=10, first_frame_s=20)) as source:
        times = [frame(source).captured_ns for _ in range(12)]
        measured = 9 / ((times[-1] - times[2]) / 1e9)
        assert source.info.fps == 10, source.info
        assert 8 < measured < 12, measured
    return f"asked for 10, told {source.info.fps}, measured {measured:.1f} a second"


def another_size_than_asked_is_said() -> str:
    with opened("camera:0", SourceOptions(resolution=(1000, 700), first_frame_s=20)) as source:
        (note,) = source.take_notes()
        assert f"{source.info.width} x {source.info.height} instead of 1000 x 700" in note, note
    return note


def names_and_stable_ids_open_it() -> str:
    second = list_cameras()[1]
    for wanted in (second.stable_id, second.name.upper(), "vivid-001"):
        with opened(f"camera:{wanted}") as source:
            assert source.info.name == second.name
    error = refused("camera:vivid")
    assert "Several" in str(error), error
    return f"{second.name}; {error}"


def asking_for_formats_leaves_a_running_camera_alone() -> str:
    with opened("camera:0") as source:
        for _ in range(5):
            assert list_cameras(ask_formats=True)[0].formats
            frame(source)
    return "5 times"


def a_second_opener_is_told_that_it_is_busy() -> str:
    with opened("camera:0") as source:
        frame(source)
        error = refused("camera:0")
        assert "another program may be using it" in str(error), error
        other = subprocess.run([sys.executable, "-c", SECOND_OPENER], capture_output=True, text=True, check=False)
        assert other.returncode == 1, other.stderr
        assert other.stdout.strip() == str(error), other.stdout or other.stderr
        frame(source)
    with opened("camera:0") as source:
        frame(source)
    return str(error)


def no_permission_is_said() -> str:
    Path("/dev/video0").chmod(0o660)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            os.write(writer, str(refused("camera:0")).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read().decode()
    os.waitpid(child, 0)
    assert answer.startswith("No permission to use camera 0"), answer
    return answer


def a_video_stream_that_is_cut_is_noticed_at_once() -> str:
    with opened("camera:0") as source:
        frame(source)
        vivid.set_control(0, "Disconnect")
        begun = time.monotonic()
        try:
            for _ in range(100):
                source.read()
        except SourceLostError as error:
            return f"{error} after {time.monotonic() - begun:.1f} s"
    raise AssertionError("still giving frames")


def the_live_view_goes_on_after_a_disconnection() -> str:
    with Watched("camera:0", PATIENT) as watched:
        before = watched.detected_frame()
        vivid.set_control(0, "Disconnect")
        trouble = watched.wait(SourceTrouble)
        after = watched.detected_frame(lambda result: result.frame.index > before + 5)
        assert watched.count(SourceOpened) >= 2
        assert watched.session.state is LiveState.RUNNING
    return f"{trouble.message} {trouble.hint} Frame {before}, then {after}."


def the_live_view_waits_for_a_camera_that_is_pulled_out() -> str:
    with Watched("camera:0", PATIENT) as watched:
        watched.detected_frame()
        begun = time.monotonic()
        vivid.unplug()
        trouble = watched.wait(SourceTrouble)
        noticed_s = time.monotonic() - begun
        assert list_cameras() == []
        error = refused("camera:0")
        time.sleep(3)
        vivid.plug()
        begun = time.monotonic()
        watched.wait(SourceOpened, 2)
        watched.detected_frame()
        assert watched.session.state is LiveState.RUNNING
    return (
        f"{trouble.message} Noticed after {noticed_s:.1f} s; meanwhile: {error} "
        f"Again after {time.monotonic() - begun:.1f} s."
    )


def it_is_found_again_under_another_number() -> str:
    with Watched("camera:0", PATIENT) as watched:
        watched.detected_frame()
        holder = os.open("/dev/video0", os.O_RDONLY)  # a program that does not let go keeps the number taken
        try:
            vivid.unplug()
            watched.wait(SourceTrouble)
            vivid.plug()
            watched.wait(SourceOpened, 2)
            number = next(number for number, name in vivid.node_names().items() if name == NAME)
            assert number != 0
            watched.detected_frame()
            assert watched.wait(SourceOpened, 2).info.name == NAME
        finally:
            os.close(holder)
    return f"{NAME} was 0 and is {number}"


def a_silent_camera_is_noticed() -> str:
    number = next(camera.index for camera in list_cameras() if camera.name == NAME)
    with Watched(f"camera:{NAME}", SourceOptions(resolution=(640, 360), first_frame_s=20, stall_s=2)) as watched:
        watched.detected_frame()
        begun = time.monotonic()
        vivid.set_control(number, "Percentage of Dropped Buffers", 100)
        trouble = watched.wait(SourceTrouble)
        noticed_s = time.monotonic() - begun
        vivid.set_control(number, "Percentage of Dropped Buffers", 0)
        opened_so_far = watched.count(SourceOpened)
        watched.wait(SourceOpened, max(2, opened_so_far))
        watched.detected_frame()
    return f"{trouble.message} After {noticed_s:.1f} s; then it went on."


def a_camera_silent_from_the_start_is_said() -> str:
    number = next(camera.index for camera in list_cameras() if camera.name == NAME)
    vivid.set_control(number, "Percentage of Dropped Buffers", 100)
    begun = time.monotonic()
    error = refused(f"camera:{NAME}", SourceOptions(first_frame_s=5))
    vivid.set_control(number, "Percentage of Dropped Buffers", 0)
    assert "is not sending video" in error.message, error
    with opened(f"camera:{NAME}") as source:
        frame(source)
    return f"{error} After {time.monotonic() - begun:.1f} s."


def a_note_reaches_the_window() -> str:
    with Watched(f"camera:{NAME}", SourceOptions(resolution=(1000, 700), first_frame_s=20)) as watched:
        return str(watched.wait(SourceNote).message)


def nothing_is_left_open() -> str:
    handles = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]  # noqa: PTH115
    assert not [handle for handle in handles if handle.startswith("/dev/video")], handles
    vivid.unload()
    assert list_cameras() == []
    return "the driver could be taken out"


CHECKS: tuple[Callable[[], str], ...] = (
    no_camera_is_said,
    only_nodes_that_send_video_are_listed,
    the_command_line_tells_the_formats,
    resolutions_are_honoured,
    rates_are_honoured,
    another_size_than_asked_is_said,
    names_and_stable_ids_open_it,
    asking_for_formats_leaves_a_running_camera_alone,
    a_second_opener_is_told_that_it_is_busy,
    no_permission_is_said,
    a_video_stream_that_is_cut_is_noticed_at_once,
    the_live_view_goes_on_after_a_disconnection,
    the_live_view_waits_for_a_camera_that_is_pulled_out,
    it_is_found_again_under_another_number,
    a_silent_camera_is_noticed,
    a_camera_silent_from_the_start_is_said,
    a_note_reaches_the_window,
    nothing_is_left_open,
    *loopback.checks(),
)


def main(checks: Sequence[Callable[[], str]] = CHECKS) -> None:
    """Runs all checks; a failed one does not stop the rest."""
    failed = 0
    for check in checks:
        begun = time.monotonic()
        title = check.__name__.replace("_", " ")
        try:
            seen = check()
        except Exception as error:
            failed += 1
            print(f"LAB FAILED {title}: {type(error).__name__}: {error}")
            traceback.print_exc()
        else:
            print(f"LAB ok     {title} ({time.monotonic() - begun:.1f} s): {seen}")
    print(f"LAB {len(checks) - failed} passed, {failed} failed")


if __name__ == "__main__":
    main()
