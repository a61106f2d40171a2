"""A yes-or-no question whose buttons say what they do. GUI thread."""

from __future__ import annotations

from PySide6.QtWidgets import QMessageBox, QWidget


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
