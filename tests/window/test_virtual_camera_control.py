"""The view as a camera in other programs: what these see, what is said, when it ends."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtWidgets import QPushButton

from tests.support.qt_fakes import CAMERA, VIDEO, Desk, make_candidates, make_frame, make_result
from tests.support.virtual_camera import NAME, Device, install_virtual_camera

PATIENCE_MS = 60_000
BOX = make_candidates((40, 40, 120, 120, 0.9, 1))


class Shared:
    """A window that looks at a camera, and the device that other programs see."""

    def __init__(self, table: Desk, device: Device) -> None:
        self.table, self.device = table, device
        self.action = table.window.actions_by_name["virtual_camera"]

    @property
    def status(self) -> str:
        return self.table.window.status.shown().get("virtual_camera", "")

    def wait_for_images(self, count: int) -> None:
        self.table.qtbot.waitUntil(lambda: len(self.device.images) >= count, timeout=PATIENCE_MS)

    def begin(self) -> None:
        self.action.trigger()
        self.table.qtbot.waitUntil(lambda: bool(self.status), timeout=PATIENCE_MS)

    def wait_closed(self, times: int = 1) -> None:
        self.table.qtbot.waitUntil(lambda: self.device.closed == times, timeout=PATIENCE_MS)


@pytest.fixture
def shared(table: Desk, monkeypatch: pytest.MonkeyPatch) -> Shared:
    device = Device()
    install_virtual_camera(monkeypatch, device)
    table.open(CAMERA, "camera:0")
    table.give(make_result(BOX))
    return Shared(table, device)


def colours(image: np.ndarray) -> int:
    """How far the image is from grey; the frames are grey, boxes are not."""
    return int(np.ptp(image, axis=2).max())


def test_it_is_off_and_only_a_source_can_be_shown(table: Desk) -> None:
    action = table.window.actions_by_name["virtual_camera"]
    enabled = [action.isEnabled()]
    for info, uri in ((CAMERA, "camera:0"), (VIDEO, "/films/street.mp4")):
        table.open(info, uri)
        enabled.append(action.isEnabled())
    table.controller.close_source()
    assert [*enabled, action.isEnabled()] == [False, True, True, False]
    assert not action.isChecked()


def test_others_see_the_view_with_its_boxes_and_it_is_said_under_which_name(shared: Shared) -> None:
    table = shared.table
    shared.begin()
    assert shared.action.isChecked()
    assert NAME in shared.status
    assert NAME in table.services.banner.words[0]
    table.window.set_fullscreen(True)
    assert table.window.stage.sign.isVisible()
    table.give(make_result(None, make_frame(grey=30)))
    shared.wait_for_images(2)
    drawn, plain = shared.device.images[:2]
    assert drawn.shape == (180, 320, 3)
    assert colours(drawn) > 60
    assert (colours(plain), int(plain.mean())) == (0, 30)
    shared.action.trigger()
    shared.wait_closed()
    assert not shared.action.isChecked()
    assert shared.status == ""
    assert not table.window.stage.sign.isVisible()


def test_threshold_and_look_of_boxes_act_while_the_view_stands_still(shared: Shared) -> None:
    shared.begin()
    shared.wait_for_images(1)
    shared.table.settings.set("overlay", "show_labels", False)
    shared.wait_for_images(2)
    shared.table.settings.set("detection", "threshold", 0.95)
    shared.wait_for_images(3)
    labelled, boxed, empty = shared.device.images
    assert not np.array_equal(labelled, boxed)
    assert colours(boxed) > 60
    assert colours(empty) == 0


def test_frames_arrive_while_nothing_is_painted(shared: Shared) -> None:
    shared.begin()
    shared.table.window.hide()  # as good as minimised
    painted: list[object] = []
    shared.table.window.stage.view.painted.connect(painted.append)
    shared.table.give(make_result(BOX, make_frame(grey=30)))
    shared.wait_for_images(2)
    assert painted == []


def test_it_goes_on_with_another_source_and_ends_with_the_last(shared: Shared) -> None:
    table = shared.table
    shared.begin()
    table.open(replace(CAMERA, name="Other", width=180, height=320), "camera:1")
    assert shared.action.isChecked()
    table.give(make_result(None, make_frame(width=180, height=320, grey=200)))
    shared.wait_for_images(2)
    shown = shared.device.images[-1]
    assert (shown.shape, int(shown[90, 160, 0]), int(shown[90, 0, 0])) == ((180, 320, 3), 200, 0)
    table.controller.close_source()
    assert not shared.action.isChecked()
    shared.wait_closed()
    table.qtbot.waitUntil(lambda: not table.background.busy, timeout=PATIENCE_MS)
    assert not shared.action.isEnabled()


def test_it_ends_with_the_window(shared: Shared) -> None:
    shared.begin()
    shared.table.window.close()
    assert shared.device.closed == 1


@pytest.mark.parametrize(("missing", "said"), [("package", "pip install pyvirtualcam"), ("driver", "is missing")])
def test_what_is_missing_is_said_when_it_is_switched_on(
    shared: Shared, monkeypatch: pytest.MonkeyPatch, missing: str, said: str
) -> None:
    table = shared.table
    if missing == "package":
        monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    else:
        install_virtual_camera(monkeypatch, None)
    assert shared.action.isEnabled()
    shared.action.trigger()
    table.qtbot.waitUntil(lambda: not shared.action.isChecked(), timeout=PATIENCE_MS)
    assert said in " ".join(table.services.banner.words)
    assert shared.status == ""
    more = table.services.banner.findChildren(QPushButton)
    next(button for button in more if button.isVisible() and "What to do" in button.text()).click()
    assert table.window.commands.guides is not None
    assert "pip install pyvirtualcam" in table.window.commands.guides.page.toPlainText()
    install_virtual_camera(monkeypatch, shared.device)
    table.qtbot.waitUntil(shared.action.isEnabled, timeout=PATIENCE_MS)
    shared.begin()  # once it is there


def test_a_device_that_breaks_ends_it_and_the_view_goes_on(shared: Shared) -> None:
    table = shared.table
    shared.begin()
    shared.device.broken = True
    table.give(make_result(BOX, make_frame(grey=30)))
    table.qtbot.waitUntil(lambda: not shared.action.isChecked(), timeout=PATIENCE_MS)
    assert "takes no more frames" in table.services.banner.words[0]
    assert shared.status == ""
    table.give(make_result(BOX))
