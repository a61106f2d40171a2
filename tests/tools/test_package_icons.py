"""The icon's files hold every size, each drawn for its size. Read back with Qt, which did not write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QImage, QImageReader

from app.ui.widgets.icons import app_icon, app_image
from tools.package.icons import ICO_SIDES, PNG_SIDES, main, write_icons


@pytest.fixture(scope="module")
def icons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("icons")
    write_icons(folder)
    return folder


def _images(file: Path) -> dict[int, QImage]:
    reader = QImageReader(str(file))
    found = {}
    for number in range(reader.imageCount()):
        assert reader.jumpToImage(number)
        image = reader.read()
        assert not image.isNull(), reader.errorString()
        found[image.width()] = image.convertToFormat(QImage.Format.Format_ARGB32)
    return found


def _same(one: QImage, other: QImage) -> bool:
    form = QImage.Format.Format_ARGB32
    return one.size() == other.size() and all(
        one.convertToFormat(form).pixel(x, y) == other.convertToFormat(form).pixel(x, y)
        for x in range(0, one.width(), 3)
        for y in range(0, one.height(), 5)
    )


def test_ico_and_icns_hold_each_size_as_it_is_drawn(icons: Path) -> None:
    windows = _images(icons / "ssd-viewer.ico")
    assert tuple(sorted(windows)) == ICO_SIDES
    mac = _images(icons / "ssd-viewer.icns")
    assert set(mac) >= {32, 64, 128, 256, 512, 1024}
    for images in (windows, mac):
        for side in set(images) & {16, 24, 32, 64}:
            assert _same(images[side], app_image(side)), side


def test_every_size_is_filled_and_has_round_corners(icons: Path) -> None:
    for side in PNG_SIDES:
        image = QImage(str(icons / "hicolor" / f"{side}x{side}" / "apps" / "ssd-viewer.png"))
        assert image.width() == image.height() == side
        assert image.pixelColor(0, 0).alpha() < 128
        assert image.pixelColor(side // 2, side // 8).alpha() == 255
    assert (icons / "hicolor" / "scalable" / "apps" / "ssd-viewer.svg").read_text().startswith("<svg ")


def test_in_a_title_bar_the_marks_stand_out() -> None:
    """At 16 pixels every one of the four corner marks has a pixel of pure white, and there is ground beside it."""
    image = app_image(16)
    for x, y in ((2, 2), (13, 2), (2, 13), (13, 13), (8, 8)):
        assert image.pixelColor(x, y).getRgb() == (255, 255, 255, 255)
    for x, y in ((8, 2), (2, 8), (5, 5), (10, 10)):
        assert image.pixelColor(x, y).green() < 200


def test_the_window_has_the_sizes_that_systems_ask_for(qapp: object) -> None:
    assert {size.width() for size in app_icon().availableSizes()} >= {16, 32, 48, 256}


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "new" / "icons")]) == 0
    assert all(Path(line).is_file() for line in capsys.readouterr().out.splitlines())


def test_the_same_bytes_every_time(icons: Path, tmp_path: Path) -> None:
    for file in write_icons(tmp_path):
        assert file.read_bytes() == (icons / file.relative_to(tmp_path)).read_bytes(), file.name
