"""Progress of optimising a model, and the button that stops it. GUI thread."""

from __future__ import annotations

from app.ui.models.work_bar import STEPS, WorkBar
from app.ui.services.optimise_runner import OptimiseRunner


class OptimiseBar(WorkBar):
    """Shown while the model in sight is being optimised."""

    def __init__(self) -> None:
        super().__init__("Optimising")
        self.button.setAccessibleName("Cancel optimising")

    def show_state(self, name: str, optimising: OptimiseRunner) -> None:
        """Show how far the model ``name`` is; hidden while it is not being optimised."""
        self.setVisible(optimising.running == name)
        if optimising.running != name:
            return
        words, share = optimising.progress
        self.button.setEnabled(not optimising.is_stopping)
        self.line.setText("Stopping…" if optimising.is_stopping else f"{words or 'Starting'}…  This takes minutes.")
        self.bar.setValue(round(share * STEPS))
