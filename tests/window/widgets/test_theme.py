"""Both appearances can be read: contrast of words by WCAG 2.2, 1.4.3, from the colours themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QDoubleSpinBox, QFileDialog, QLineEdit, QToolButton
from pytestqt.qtbot import QtBot

from app.ui.widgets.colours import DARK, LIGHT, Colours
from app.ui.widgets.theme import Theme
from tests.support.contrast import LEAST, contrast, strongest
from tests.support.qt_checks import settle
from tests.support.qt_fakes import application

_STRONG = ("text", "muted", "link")
_SIGNALS = ("danger", "warning", "success")


def test_the_measure_itself() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_words_stand_out_from_what_they_stand_on(colours: Colours) -> None:
    pairs = [
        *((words, ground) for words in _STRONG for ground in ("window", "surface", "raised", "hover")),
        *((words, ground) for words in _SIGNALS for ground in ("window", "surface", "raised")),
        *(("on_accent", ground) for ground in ("accent", "accent_hover")),
    ]
    poor = {
        pair: round(contrast(getattr(colours, pair[0]), getattr(colours, pair[1])), 2)
        for pair in pairs
        if contrast(getattr(colours, pair[0]), getattr(colours, pair[1])) < LEAST
    }
    assert poor == {}


@pytest.mark.parametrize(("choice", "colours"), [("light", LIGHT), ("dark", DARK)])
def test_links_and_placeholders_take_those_colours(qtbot: QtBot, choice: str, colours: Colours) -> None:
    theme = Theme(application(), choice)
    line = QLineEdit()
    qtbot.addWidget(line)
    line.ensurePolished()
    placeholder = line.palette().color(QPalette.ColorRole.PlaceholderText)
    assert (placeholder.name(QColor.NameFormat.HexRgb), placeholder.alpha()) == (colours.muted, 255)
    assert application().palette().color(QPalette.ColorRole.Link).name() == colours.link
    assert theme.colours == colours


@pytest.mark.parametrize(("choice", "colours"), [("light", LIGHT), ("dark", DARK)])
def test_the_buttons_of_qts_file_dialog_have_icons(qtbot: QtBot, tmp_path: Path, choice: str, colours: Colours) -> None:
    theme = Theme(application(), choice)
    dialog = QFileDialog(None, "Open", str(tmp_path))
    qtbot.addWidget(dialog)
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    dialog.show()
    settle()
    buttons = [b for b in dialog.findChildren(QToolButton) if b.isVisible()]
    assert len(buttons) >= 6
    for button in buttons:
        image = button.grab().toImage()
        inside = image.rect().adjusted(5, 5, -5, -5)
        assert strongest(image, inside) > (2.5 if button.isEnabled() else 1.5), button.objectName()
    assert theme.colours == colours


def test_a_number_keeps_off_the_border_of_its_field(qtbot: QtBot) -> None:
    Theme(application(), "dark")
    spin = QDoubleSpinBox()
    qtbot.addWidget(spin)
    spin.show()
    settle()
    room = spin.lineEdit().geometry()
    assert room.left() >= 6
    assert room.right() <= spin.width() - 6
    before = spin.value()
    for x in (2, spin.width() - 3):
        qtbot.mouseClick(spin, Qt.MouseButton.LeftButton, pos=QPoint(x, spin.height() // 2))
    assert spin.value() == before, "there are no buttons there"
