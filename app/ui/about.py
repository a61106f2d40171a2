"""The about dialog: name, version, components and licences. GUI thread."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from platform import python_version

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app import __version__
from app.ui.licences_dialog import LicencesDialog
from app.ui.widgets.icons import app_icon
from app.ui.widgets.screen_room import resize_on_screen

COMPONENTS: tuple[tuple[str, str, str], ...] = (
    ("Python", "python", "PSF licence"),
    ("The model “everyday”", "", "Apache 2.0; from TensorFlow's ssdlite_mobilenet_v2_coco"),
    ("Qt and PySide6", "PySide6-Essentials", "LGPL 3"),
    ("PyTorch", "torch", "BSD 3-clause"),
    ("torchvision", "torchvision", "BSD 3-clause"),
    ("OpenVINO", "openvino", "Apache 2.0"),
    ("OpenCV", "opencv-python-headless", "Apache 2.0"),
    ("PyAV", "av", "BSD 3-clause; its FFmpeg contains x264 and x265 (GPL 2)"),
    ("NumPy", "numpy", "BSD 3-clause"),
    ("cv2-enumerate-cameras", "cv2-enumerate-cameras", "MIT"),
    ("platformdirs", "platformdirs", "MIT"),
    ("tqdm", "tqdm", "MPL 2.0 and MIT"),
)
"""(name for people; distribution, "" where there is none; licence)."""


def component_version(distribution: str) -> str:
    """Installed version; "" where it is not recorded (in some packaged programs)."""
    if distribution == "python":
        return python_version()
    if not distribution:
        return ""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _components() -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(20)
    grid.setVerticalSpacing(8)
    for row, (name, distribution, licence) in enumerate(COMPONENTS):
        grid.addWidget(QLabel(name), row, 0, Qt.AlignmentFlag.AlignTop)
        number = QLabel(component_version(distribution).split("+")[0])
        number.setObjectName("muted")
        grid.addWidget(number, row, 1, Qt.AlignmentFlag.AlignTop)
        terms = QLabel(licence)
        terms.setWordWrap(True)
        terms.setObjectName("muted")
        grid.addWidget(terms, row, 2, Qt.AlignmentFlag.AlignTop)
    grid.setColumnStretch(2, 1)
    return grid


def _head() -> QHBoxLayout:
    """Logo, name and version."""
    logo = QLabel()
    logo.setPixmap(app_icon().pixmap(64, 64))
    name = QLabel("ssd-viewer")
    name.setObjectName("title")
    line = QLabel(f"Version {__version__}. Watches a camera or a video through an SSD detector. MIT licence.")
    line.setWordWrap(True)
    promise = QLabel("Everything runs on this computer. Nothing is sent anywhere.")
    promise.setObjectName("muted")
    promise.setWordWrap(True)
    words = QVBoxLayout()
    words.setSpacing(4)
    for label in (name, line, promise):
        words.addWidget(label)
    head = QHBoxLayout()
    head.setSpacing(20)
    head.addWidget(logo, 0, Qt.AlignmentFlag.AlignTop)
    head.addLayout(words, 1)
    return head


class AboutDialog(QDialog):
    """Name, version, components."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About ssd-viewer")
        body = QWidget()
        inside = QVBoxLayout(body)
        inside.setContentsMargins(24, 24, 24, 12)
        inside.setSpacing(16)
        inside.addLayout(_head())
        heading = QLabel("Made with")
        heading.setObjectName("heading")
        inside.addWidget(heading)
        inside.addLayout(_components())
        inside.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(body)
        scroll.setWidgetResizable(True)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(scroll, 1)
        box.addLayout(self._foot())
        resize_on_screen(self, 560, body.heightForWidth(540) + 70)

    def _foot(self) -> QHBoxLayout:
        close = QPushButton("Close")
        close.clicked.connect(self.reject)
        licences = QPushButton("Licences…")
        licences.clicked.connect(lambda: LicencesDialog(self).open())
        foot = QHBoxLayout()
        foot.setContentsMargins(24, 4, 24, 16)
        foot.addWidget(licences)
        foot.addStretch(1)
        foot.addWidget(close)
        return foot
