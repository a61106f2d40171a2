"""The dialog that asks for the address of a stream: examples, recent ones, and what would be tried. GUI thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.core.addresses import URL_SCHEMES, host_and_port, is_address, redact, with_schemes
from app.core.sources.uri import kind_by_name

EXAMPLES = (
    ("Network camera", "rtsp://user:password@192.168.1.20:554/stream1"),
    ("Phone or webcam app", "http://192.168.1.20:8080/video"),
    ("Live stream on the web", "https://example.org/live/playlist.m3u8"),
)
"""(what gives such an address, the address)."""
_RECENT_ROWS = 5
_WIDTH = 560


@dataclass(frozen=True, slots=True)
class AddressCheck:
    """The meaning of an address that is being typed.

    Attributes:
        address: To be opened; "" while it is none.
        words: For people: what happens, or what is missing.
        wrong: Typing on does not make it right.
    """

    address: str
    words: str
    wrong: bool = False


def judged(typed: str) -> AddressCheck:
    """Returns what would become of ``typed``."""
    typed = typed.strip()
    if not typed:
        return AddressCheck("", "As the camera's manual or app gives it.")
    if is_address(typed):
        return _judged_whole(typed)
    for address in (typed, f"{typed}/"):  # here a name with a dot is a host, not a file
        schemes = [found.partition("://")[0] for found in with_schemes(address)]
        if schemes:
            return AddressCheck(address, f"Without a scheme: tries {'://, then '.join(schemes)}://.")
    return AddressCheck("", "An address has a host, such as 192.168.1.20 or camera.local.", wrong=" " in typed)


def _judged_whole(typed: str) -> AddressCheck:
    scheme = typed.partition(":")[0].lower()
    if not typed.lower().startswith(URL_SCHEMES):
        if any(known.startswith(f"{scheme}:") for known in URL_SCHEMES):
            return AddressCheck("", f"After {scheme}: come two slashes and a host.")
        return AddressCheck("", f"{scheme}:// is not understood. Use {', '.join(URL_SCHEMES)}.", wrong=True)
    try:
        host, port = host_and_port(typed)
    except ValueError:
        return AddressCheck("", "After the two slashes comes a host, such as 192.168.1.20.")
    return AddressCheck(typed, f"Opens {host}, port {port}.")


def recent_addresses(recent: Sequence[str]) -> list[str]:
    """Returns those of the remembered sources that are addresses."""
    return [uri for uri in recent if is_address(uri) or kind_by_name(uri) == "stream"]


class AddressDialog(QDialog):
    """Asks for an address; ``open`` shows it, and nothing waits for the answer.

    Args:
        recent: Remembered sources, newest first.
        parent: The window concerned.
    """

    chosen = Signal(str)

    def __init__(self, recent: Sequence[str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Open stream address")
        self.line = QLineEdit()
        self.line.setPlaceholderText("rtsp://")
        self.line.setClearButtonEnabled(True)
        self.line.setMaxLength(2000)
        self.verdict = QLabel()
        self.verdict.setTextFormat(Qt.TextFormat.PlainText)
        self.verdict.setWordWrap(True)
        buttons = QDialogButtonBox()
        self.go = buttons.addButton("Open", QDialogButtonBox.ButtonRole.AcceptRole)
        self.go.setObjectName("primary")
        self.go.setDefault(True)
        buttons.addButton("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        buttons.accepted.connect(self._open)
        buttons.rejected.connect(self.reject)
        title = QLabel("&Address of a network camera or stream")
        title.setObjectName("heading")
        title.setBuddy(self.line)
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(24, 20, 24, 16)
        self._box.setSpacing(8)
        for widget in (title, self.line, self.verdict):
            self._box.addWidget(widget)
        self._add_examples()
        self.recent = QListWidget()
        self._add_recent(recent_addresses(recent))
        self._box.addSpacing(8)
        self._box.addWidget(buttons)
        self.line.textChanged.connect(self._typed)
        self._typed("")
        self.setMinimumWidth(min(_WIDTH, self.screen().availableSize().width() - 40))

    def _add_examples(self) -> None:
        self._add_section("Examples")
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(1, 1)
        for row, (kind, address) in enumerate(EXAMPLES):
            words = QLabel(kind)
            words.setObjectName("muted")
            button = QPushButton(address)
            button.setObjectName("link")
            button.setToolTip("Write it into the field, to be changed there")
            button.setAccessibleName(f"{kind}: {address}")
            button.setAutoDefault(False)
            button.clicked.connect(self._example_pressed)
            grid.addWidget(words, row, 0)
            grid.addWidget(button, row, 1, Qt.AlignmentFlag.AlignLeft)
        self._box.addLayout(grid)

    def _add_recent(self, addresses: Sequence[str]) -> None:
        self.recent.setAccessibleName("Recent addresses")
        self.recent.itemClicked.connect(self._recent_chosen)
        self.recent.itemActivated.connect(self._recent_opened)
        for uri in addresses:
            item = QListWidgetItem(redact(uri))
            item.setData(Qt.ItemDataRole.UserRole, uri)
            self.recent.addItem(item)
        if addresses:
            self._add_section("Recent")
            rows = min(len(addresses), _RECENT_ROWS)
            self.recent.setFixedHeight(rows * max(20, self.recent.sizeHintForRow(0)) + 2 * self.recent.frameWidth() + 8)
            self._box.addWidget(self.recent)
        else:
            self.recent.setParent(self)
            self.recent.hide()

    def _add_section(self, words: str) -> None:
        label = QLabel(words)
        label.setObjectName("section")
        self._box.addSpacing(8)
        self._box.addWidget(label)

    def _typed(self, words: str) -> None:
        verdict = judged(words)
        self.verdict.setObjectName("bad" if verdict.wrong else "muted")
        self.verdict.style().polish(self.verdict)
        self.verdict.setText(verdict.words)
        self.line.setAccessibleDescription(verdict.words)
        self.go.setEnabled(bool(verdict.address))

    def _example_pressed(self) -> None:
        sender = self.sender()
        assert isinstance(sender, QPushButton)
        self.line.setText(sender.text())
        self.line.setFocus()
        self.line.selectAll()

    def _recent_chosen(self, item: QListWidgetItem) -> None:
        self.line.setText(str(item.data(Qt.ItemDataRole.UserRole)))

    def _recent_opened(self, item: QListWidgetItem) -> None:
        self._recent_chosen(item)
        self._open()

    def _open(self) -> None:
        address = judged(self.line.text()).address
        if address:
            self.chosen.emit(address)
            self.accept()
