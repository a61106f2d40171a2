"""Choice whether an export ignores what lies in the masks drawn on its video. A row of the form. GUI thread."""

from __future__ import annotations

from PySide6.QtWidgets import QCheckBox

from app.core.events.scene import IgnoreMask
from app.core.export.request import ExportRequest


class MaskChoice(QCheckBox):
    """A box to tick where masks are drawn on the video."""

    def __init__(self) -> None:
        super().__init__()
        self._masks: tuple[IgnoreMask, ...] = ()
        self.setToolTip("As in the live view: nothing is found there, and no object is followed")
        self.show_masks(())

    @property
    def chosen(self) -> tuple[IgnoreMask, ...]:
        """The masks that the export has."""
        return self._masks if self.isChecked() else ()

    def show_masks(self, masks: tuple[IgnoreMask, ...]) -> None:
        """Offer these; none of another video stays chosen."""
        self._masks = masks
        self.setChecked(self.isChecked() and bool(masks))
        self.setEnabled(bool(masks))
        number = "the mask" if len(masks) == 1 else f"the {len(masks)} masks"
        self.setText(f"Ignore what lies in {number} drawn on this video" if masks else "None drawn on this video")

    def show_request(self, request: ExportRequest) -> None:
        """Show what was chosen before."""
        if request.masks:
            self.show_masks(request.masks)
        self.setChecked(bool(request.masks))
