"""The program's icon in the formats that systems want, rendered from assets/icon.svg and assets/icon-small.svg.

``python -m tools.package.icons build/icons`` writes:

    ssd-viewer.ico                                 Windows: executable, installer, shortcuts
    ssd-viewer.icns                                macOS: the .app
    hicolor/SIZExSIZE/apps/ssd-viewer.png          Linux: laid out like share/icons, to be copied there
    hicolor/scalable/apps/ssd-viewer.svg

They are made when a package is, and not kept in the repository.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from PySide6.QtCore import QBuffer, QIODevice

from app.ui.widgets.icons import app_image
from detector.bundled_files import bundled_path

NAME = "ssd-viewer"
ICO_SIDES = (16, 20, 24, 32, 40, 48, 64, 128, 256)
ICNS_SIDES = (16, 32, 64, 128, 256, 512, 1024)
PNG_SIDES = (16, 22, 24, 32, 48, 64, 128, 256, 512)


def write_icons(folder: Path) -> list[Path]:
    """Write all of them below ``folder``, over older ones; gives the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = [_several(folder / f"{NAME}.ico", ICO_SIDES), _several(folder / f"{NAME}.icns", ICNS_SIDES)]
    for side in PNG_SIDES:
        file = folder / "hicolor" / f"{side}x{side}" / "apps" / f"{NAME}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(side))
        written.append(file)
    drawing = folder / "hicolor" / "scalable" / "apps" / f"{NAME}.svg"
    drawing.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(bundled_path("assets", "icon.svg"), drawing)
    return [*written, drawing]


def png(side: int) -> bytes:
    """The icon as a PNG, ``side`` pixels wide."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image = app_image(side)
    image.setDotsPerMeterX(2835)  # 72 per inch; else whatever the screen here has
    image.setDotsPerMeterY(2835)
    image.save(buffer, "PNG")  # type: ignore[call-overload]  # the stub knows a QIODevice by bytes only
    return bytes(buffer.data().data())


def _several(file: Path, sides: tuple[int, ...]) -> Path:
    """One file with an image for each size; each drawn for its size, none scaled."""
    images = [Image.open(BytesIO(png(side))).convert("RGBA") for side in sides]
    largest, others = images[-1], images[:-1]
    # PNG inside, which Windows reads at every size since Vista. An ICNS holds the sizes that its format knows.
    largest.save(file, append_images=others, sizes=[(side, side) for side in sides])
    return file


def main(arguments: list[str] | None = None) -> int:
    """Write them and say where."""
    parser = argparse.ArgumentParser(prog="python -m tools.package.icons", description="The icon in all its formats.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("build", "icons"), help="default: %(default)s")
    for file in write_icons(parser.parse_args(arguments).folder):
        print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
