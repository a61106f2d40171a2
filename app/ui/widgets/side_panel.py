"""The panel beside the video: several pages, one of them in view; now and then another over all. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QStackedWidget, QTabBar, QVBoxLayout, QWidget


class SidePanel(QFrame):
    """Pages with a tab each.

    Args:
        width: Pixels.
    """

    changed = Signal(int)
    """Another page is in view."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.setObjectName("side")
        self.setFixedWidth(width)
        self.tabs = QTabBar()
        self.tabs.setObjectName("sideTabs")
        self.tabs.setExpanding(True)
        self.tabs.setDrawBase(False)
        self.tabs.setUsesScrollButtons(False)
        self.tabs.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.tabs.setAccessibleName("Panel")
        self._pages = QStackedWidget()
        box = QVBoxLayout(self)
        box.setContentsMargins(1, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.tabs)
        box.addWidget(self._pages, 1)
        self.tabs.currentChanged.connect(self._show)

    def add(self, page: QWidget, title: str, tip: str) -> None:
        """Add a page at the end; the first one is in view."""
        self._pages.addWidget(page)
        self.tabs.setTabToolTip(self.tabs.addTab(title), tip)

    def show_page(self, page: QWidget) -> None:
        """Bring a page into view."""
        self.tabs.setCurrentIndex(self._pages.indexOf(page))

    def cover(self, page: QWidget) -> None:
        """Show a page that has no tab in place of the others, until ``uncover``."""
        if self._pages.indexOf(page) < 0:
            self._pages.addWidget(page)
        self.tabs.hide()
        self._pages.setCurrentWidget(page)

    def uncover(self) -> None:
        """Show the tabs and the page that was in view before ``cover``."""
        self.tabs.show()
        self._pages.setCurrentIndex(self.tabs.currentIndex())

    @property
    def page(self) -> QWidget | None:
        """The page in view; None where there are none."""
        return self._pages.currentWidget()

    def _show(self, number: int) -> None:
        self._pages.setCurrentIndex(number)
        self.changed.emit(number)
