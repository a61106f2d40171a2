"""The objects that the window works with, made once by ``app.ui.main`` and handed in. GUI thread."""

from __future__ import annotations

from dataclasses import dataclass

from app.ui.services.background import Background
from app.ui.services.controller import LiveController
from app.ui.services.download_runner import DownloadRunner
from app.ui.services.export_runner import ExportRunner
from app.ui.services.library_client import LibraryClient
from app.ui.services.optimise_runner import OptimiseRunner
from app.ui.services.queue_runner import QueueRunner
from app.ui.services.scene_model import SceneModel
from app.ui.services.settings_model import SettingsModel
from app.ui.services.several_sources import SeveralSources
from app.ui.widgets.banner import Banner
from app.ui.widgets.theme import Theme


@dataclass(frozen=True, slots=True)
class Services:
    """The services, one of each.

    Attributes:
        theme: The colours in force.
        settings: The settings in force, and their only writer.
        background: Runs what is slow.
        controller: Owns the live session.
        scenes: Zones, lines and masks of the source it looks at.
        several: Owns the live sessions of several sources side by side.
        library: Lists and changes the models.
        downloads: Fetches models.
        optimising: Optimises a model for this computer.
        exports: Exports one video.
        analyses: Analyses one video, to look at and ask about.
        queue: Exports many.
        banner: Tells the user what happened, across the top of the window.
    """

    theme: Theme
    settings: SettingsModel
    background: Background
    controller: LiveController
    scenes: SceneModel
    several: SeveralSources
    library: LibraryClient
    downloads: DownloadRunner
    optimising: OptimiseRunner
    exports: ExportRunner
    analyses: ExportRunner
    queue: QueueRunner
    banner: Banner

    @property
    def exporting(self) -> bool:
        """Returns whether anything is being exported or analysed, or waits for it."""
        return self.exports.running or self.analyses.running or self.queue.running
