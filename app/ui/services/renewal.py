"""Makes something anew when asked, one at a time: what is asked meanwhile is made once more after it. GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from app.core.errors import ExplainedError
from app.ui.services.background import Background

T = TypeVar("T")


class Renewal(Generic[T]):
    """Makes one thing.

    Args:
        background: Runs the worker.
        name: Part of the worker's name.
        begin: Returns the work to do now; None for none.
        done: Takes what was made, and whether it is made once more.
        failed: Takes what went wrong.
    """

    def __init__(
        self,
        background: Background,
        name: str,
        begin: Callable[[], Callable[[], T] | None],
        done: Callable[[T, bool], None],
        failed: Callable[[ExplainedError], None] = lambda _: None,
    ) -> None:
        self._background, self._name = background, name
        self._begin, self._tell_done, self._tell_failed = begin, done, failed
        self._busy = self._again = False

    def ask(self) -> None:
        """Make it, or once more after the one that is being made."""
        if self._busy:
            self._again = True
            return
        work = self._begin()
        if work is not None:
            self._busy, self._again = True, False
            self._background.run(self._name, work, self._done, self._failed)

    def _done(self, made: T) -> None:
        self._busy = False
        self._tell_done(made, self._again)
        self._go_on()

    def _failed(self, error: ExplainedError) -> None:
        self._busy = False
        self._tell_failed(error)
        self._go_on()

    def _go_on(self) -> None:
        if self._again:
            self.ask()
