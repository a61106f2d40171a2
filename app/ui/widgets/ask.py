"""A yes-or-no question whose buttons say what they do, and a line to type. GUI thread."""

from __future__ import annotations

from PySide6.QtWidgets import QInputDialog, QLineEdit, QMessageBox, QWidget


def confirmed(parent: QWidget, question: str, detail: str, yes: str, no: str) -> bool:
    """Ask; Esc and Enter both mean ``no``, so that nothing is lost by a slip.

    Args:
        parent: The window concerned.
        question: One line.
        detail: What happens.
        yes: Words of the button that does it.
        no: Words of the button that does not.
    """
    box = QMessageBox(parent)
    box.setWindowTitle(question)
    box.setText(question)
    box.setInformativeText(detail)
    do_it = box.addButton(yes, QMessageBox.ButtonRole.YesRole)
    leave = box.addButton(no, QMessageBox.ButtonRole.NoRole)
    box.setDefaultButton(leave)
    box.setEscapeButton(leave)
    box.exec()
    return box.clickedButton() is do_it


def typed(parent: QWidget, title: str, question: str, text: str) -> str | None:
    """Ask for a line of text, starting from ``text``; None when the user leaves it."""
    answer, accepted = QInputDialog.getText(parent, title, question, QLineEdit.EchoMode.Normal, text)
    return answer.strip() if accepted and answer.strip() else None
