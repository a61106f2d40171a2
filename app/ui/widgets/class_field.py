"""A field for names of classes: completed from those the model knows, and checked while they are typed. GUI thread."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QStringListModel, Qt
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QCompleter, QLineEdit, QListView

from app.core.detection_filter import closest
from detector.class_names import find_name, is_found_by

_EXAMPLES = 2
_OFFERED = 3


class ClassField(QLineEdit):
    """Names with commas between them.

    Args:
        name: For screen readers.
        without: What no name means, such as "all classes"; "" where one must be named.
    """

    def __init__(self, name: str, without: str = "") -> None:
        super().__init__()
        self._without = without
        self._labels: tuple[str, ...] = ()
        self._words = QStringListModel(self)
        self._completer = QCompleter(self._words, self)
        self.completions = QListView()
        """The names offered while one is typed."""
        self.completions.setObjectName("completions")
        self._completer.setPopup(self.completions)
        self._completer.setWidget(self)  # which completes a word of several, not the whole line
        self._completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self._completer.activated.connect(self._complete)
        self.textEdited.connect(self._offer)
        self.textChanged.connect(self._mark)
        self.setAccessibleName(name)
        self.setToolTip("Names of classes, with commas between them")
        self.setMinimumWidth(80)

    @property
    def names(self) -> tuple[str, ...]:
        """The names typed, each once."""
        names = (name.strip() for name in self.text().split(","))
        return tuple(dict.fromkeys(name for name in names if name))

    @property
    def examples(self) -> str:
        """Names that the model knows, to show what may be typed; "" where they are not known."""
        return ", ".join(self._labels[:_EXAMPLES])

    @property
    def trouble(self) -> str:
        """Returns what is wrong with the names; "" for nothing, or where the model's classes are not known."""
        name = self._unknown
        if name is None:
            return ""
        offered = self._found_by(name) or [label for label in (closest(name, self._labels),) if label]
        if self._is_unfinished(name):
            return f"Finish the name “{name}”: {' or '.join(offered)}."
        meant = f" Did you mean {' or '.join(offered)}?" if offered else ""
        return f"The model knows no class “{name}”.{meant}"

    def show_labels(self, labels: Sequence[str]) -> None:
        """Take over the classes to choose from; empty where they are not known."""
        self._labels = tuple(labels)
        self._words.setStringList(sorted(self._labels))
        hints = [self._without, self.examples and f"such as {self.examples}"]
        self.setPlaceholderText(", or ".join(hint for hint in hints if hint))
        self._mark()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._mark()

    def _mark(self) -> None:
        """Show by the colour of the edge whether something is wrong."""
        wrong = self._unknown is not None and not self._is_unfinished(self._unknown)
        if wrong != bool(self.property("wrong")):
            self.setProperty("wrong", wrong)
            self.style().unpolish(self)
            self.style().polish(self)
        self.setAccessibleDescription(self.trouble or self.toolTip())

    @property
    def _unknown(self) -> str | None:
        """The first name that the model does not know."""
        return next((name for name in self.names if self._labels and find_name(name, self._labels) < 0), None)

    def _found_by(self, name: str) -> list[str]:
        return [label for label in self._labels if is_found_by(name, label)][:_OFFERED]

    def _is_unfinished(self, name: str) -> bool:
        """Returns whether it is being typed and may become one that the model knows."""
        begin, end = self._word()
        return self.hasFocus() and self.text()[begin:end].strip() == name and bool(self._found_by(name))

    def _word(self) -> tuple[int, int]:
        """Returns where the name at the cursor begins and ends, without the blanks before it."""
        text, cursor = self.text(), self.cursorPosition()
        begin = text.rfind(",", 0, cursor) + 1
        end = text.find(",", cursor)
        end = len(text) if end < 0 else end
        return begin + len(text[begin:end]) - len(text[begin:end].lstrip()), end

    def _offer(self) -> None:
        begin, end = self._word()
        typed = self.text()[begin:end].strip()
        self._completer.setCompletionPrefix(typed)
        if typed and typed not in self._labels and self._completer.completionCount():
            self._completer.complete()
        else:
            self.completions.hide()

    def _complete(self, label: str) -> None:
        begin, end = self._word()
        text = self.text()
        self.setText(f"{text[:begin]}{label}{text[end:]}")
        self.setCursorPosition(begin + len(label))
