"""A video that was analysed before: what the network left of each frame comes from its store, and no model is opened.

Used by ``ssdv-detect`` alone. Looked for beside the video, where exports leave it; it must be of this very content, by
this very model. Whatever does not fit is said in the log, and the network runs as for any other file.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from app.core.candidate_cache.lookup import store_paths
from app.core.candidate_cache.source_content import SourceContent
from app.core.candidate_cache.store import CandidateStore
from app.core.candidate_cache.store_facts import StoreError, StoreFacts
from app.core.errors import ExplainedError
from app.core.frames import Frame
from app.core.models import user_library, weights_sha256
from app.core.settings import ModelSettings
from app.core.sources.uri import kind_by_name
from detector.detections import Candidates
from detector.model_file import ModelEntry
from detector.spec import ModelSpec

log = logging.getLogger(__name__)

ENGINE = "kept"
"""``ModelReady.engine`` while results come from a store."""
DEVICE = "kept detections"


class CachedAnalysis:
    """A complete store and the model it is of.

    Args:
        uri: The video.
        path: The store.
        store: Open; closed with this.
        spec: The model.
    """

    def __init__(self, uri: str, path: Path, store: CandidateStore, spec: ModelSpec) -> None:
        self.uri = uri
        self.path = path
        self.spec = spec
        self.precision = store.facts.precision
        self._store = store

    def candidates(self, frame: Frame) -> Candidates:
        """Returns the candidates of ``frame``.

        Raises:
            StoreError: The store has no such frame, or was damaged since it was opened.
        """
        pts_s, found = frame.pts_s, None
        if pts_s is not None:
            found = self._store.recall(frame.index, pts_s, frame.width, frame.height, index_is_exact=False)
        if found is None:
            raise StoreError(f"{self.path.name} has no frame like the one at {float(pts_s or 0):.3f} s.")
        return found

    def close(self) -> None:
        """Close the store; idempotent."""
        self._store.close()


def stores_beside(uri: str) -> tuple[Path, ...]:
    """Finished stores that bear the name of the video ``uri``; quick, opens none."""
    if kind_by_name(uri) != "video":
        return ()
    video = Path(uri)
    try:
        return tuple(path for path in store_paths(video.parent, video.name) if path.is_file())
    except (OSError, ValueError):  # a name that no file can have
        return ()


def open_cached_analysis(
    uri: str, stores: Sequence[Path], model: ModelSettings, min_score: float
) -> CachedAnalysis | None:
    """Opens the detections kept of the video ``uri`` by ``model``; None when nothing fits, and then the log says why.

    Args:
        uri: The video.
        stores: Where to look, see ``stores_beside``.
        model: Name and precision count; where the network would run does not.
        min_score: It must reach down to that.
    """
    try:
        entry = user_library().find(model.name)
        source, weights = SourceContent(Path(uri)), weights_sha256(model)
        from app.core.sources.alpha_decoder import usual_reading  # loads PyAV

        reading = usual_reading(Path(uri))
    except (ExplainedError, OSError) as error:
        log.info("kept detections of %s are not used: %s", Path(uri).name, error)
        return None
    for path in stores:
        try:
            store = CandidateStore.open(path)
        except StoreError as error:
            log.info("the network runs: %s", error.message)
            continue
        facts = store.facts
        if not store.complete:
            why = "it is not complete"
        elif facts.reading != reading or not source.is_same_as(facts.source, store.source_sha256):
            why = "it is of another version of the video"
        elif facts.detect_every != 1:
            why = f"only every {facts.detect_every}th frame was analysed"
        elif facts.floor > min_score:
            why = f"it reaches down to a score of {facts.floor:g} only"
        else:
            why = _other_model(facts, entry, weights, model.precision)
        if not why:
            return CachedAnalysis(uri, path, store, entry.spec)
        store.close()
        log.info("%s is not used: %s", path.name, why)
    return None


def _other_model(facts: StoreFacts, entry: ModelEntry, weights: str, precision: str) -> str:
    """Returns why results of ``facts`` are not those of the model; "" when they are."""
    same = (facts.model, facts.weights_sha256, facts.labels) == (entry.spec.name, weights, entry.spec.labels)
    if not same:
        return f"it is by {facts.model}, or another version of that model"
    return "" if precision in ("auto", facts.precision) else f"it was made in {facts.precision}"
