"""The candidates of one export: taken from an earlier run where it left them, kept for later ones where it did not.

Owned by ``ssdv-export-detect``. Sits between the reader and the network: ``recall`` answers for a frame that was done
before, and ``keep`` takes what the network says of the others. The files are those of ``store``; which one belongs to a
job is decided here.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from app.core.candidate_cache.lookup import store_paths
from app.core.candidate_cache.source_content import SourceContent
from app.core.candidate_cache.store import CandidateStore
from app.core.candidate_cache.store_facts import StoreError, StoreFacts
from app.core.candidate_cache.store_format import StoredFrame
from app.core.candidate_cache.store_writer import StoreWriter
from app.core.files.write_errors import explain_write_error
from app.core.frames import DecodedFrame
from detector.detections import Candidates
from detector.file_lock import LockedError

log = logging.getLogger(__name__)


class CandidateJournal:
    """The candidates of each frame, on disk as soon as they are known.

    Args:
        folder: Where the store lies, or will lie.
        facts: The head of the store this run fills.
        source: The video.
        permanent: Whether the store stays when all frames are in, and one that stayed is used; otherwise it is there
            only for an interrupted run to go on with.
        resume: Whether to go on with what an interrupted run left.

    Attributes:
        notes: What the user should know, one line each.
        left_alone: What an interrupted run left and this one does not use, in one line; "" for nothing.
        frames_known: How many frames an earlier run left.
        temporary: The store whose part is to be removed once the files have their names; None for nothing.

    Raises:
        AppError: The disk refuses.
    """

    def __init__(
        self, folder: Path, facts: StoreFacts, source: SourceContent, permanent: bool = True, resume: bool = True
    ) -> None:
        self.notes: list[str] = []
        self.left_alone = ""
        self._facts = facts
        self._source = source
        self._permanent = permanent
        self._resume = resume
        self._known: CandidateStore | None = None
        self._writer: StoreWriter | None = None
        self._path: Path | None = None
        self._created = False
        self.temporary: Path | None = None
        try:
            self._open(folder)
        except BaseException:
            self.close(keep=True)
            raise
        self.frames_known = 0 if self._known is None else self._known.frames

    @property
    def path(self) -> Path | None:
        """The store that stays, complete once ``finish`` was called; None where none does."""
        return self._path

    @property
    def floor(self) -> float:
        """The lowest score that is stored; a store that is continued says so itself."""
        return (self._facts if self._known is None else self._known.facts).floor

    @property
    def detect_every(self) -> int:
        """The network sees every Nth frame, and this is N; a store that is used says so itself."""
        return (self._facts if self._known is None else self._known.facts).detect_every

    @property
    def frames(self) -> int:
        """The number of frames in it now."""
        return self.frames_known if self._writer is None else self._writer.frames

    # -- which file -------------------------------------------------------------------------------------------------

    def _open(self, folder: Path) -> None:
        if self._source.why_uncacheable:
            if self._permanent:
                self.notes.append(f"Detections are not kept: {self._source.why_uncacheable}.")
            return
        occupied = ""
        for target in store_paths(folder, self._facts.source.name):
            finished = self._finished(target)
            if finished is None and target.exists():
                occupied = occupied or target.name
                continue  # of another video or model, and not ours to write over
            if finished is not None and self._suffices(finished):
                self._known, self._path = finished, target
                return
            if finished is not None:
                finished.close()
            try:
                writer = StoreWriter(target)
            except LockedError:
                continue  # another export of the same video, at this moment
            except OSError as error:
                raise explain_write_error(error, target) from error
            if self._take(writer):
                break
            occupied = occupied or writer.path.name
            writer.close(keep=True)
        if occupied and self._permanent:
            self.notes.append(
                f"{occupied} holds detections by another model, of another video or of other frames; "
                "these are kept in a new file."
            )

    def _finished(self, target: Path) -> CandidateStore | None:
        """The store at ``target``, if it is of this video and model."""
        if not self._permanent:
            return None
        with contextlib.suppress(StoreError):
            store = CandidateStore.open(target)
            if store.facts.serves(self._facts) and self._is_of_source(store):
                return store
            store.close()
        return None

    def _is_ours(self, store: CandidateStore) -> bool:
        """Tells whether a store is of this video, this model and the same frames."""
        return store.facts.same_results(self._facts) and self._is_of_source(store)

    def _is_of_source(self, store: CandidateStore) -> bool:
        return self._source.is_same_as(store.facts.source, store.source_sha256)

    def _suffices(self, store: CandidateStore) -> bool:
        """Returns whether it has all that is wanted; one that has not is written anew, and replaced in the end."""
        if not store.complete:
            self.notes.append("The kept detections were damaged; all frames are analysed again.")
            return False
        return self._deep_enough(store)

    def _deep_enough(self, store: CandidateStore) -> bool:
        if store.facts.floor <= self._facts.floor:
            return True
        self.notes.append(
            f"The kept detections reach down to a score of {store.facts.floor:g} only; all frames are analysed again."
        )
        return False

    def _take(self, writer: StoreWriter) -> bool:
        """Go on with what an interrupted run left, or begin; False where it is somebody else's."""
        known = writer.known
        if known is not None and not self._is_ours(known):
            return False
        if known is not None and known.frames and not self._resume:
            stay = f"{known.frames} frames of an interrupted run stay in {writer.path.name}"
            self.left_alone = f"{stay}; only a resumed export uses them."
            return False
        self._writer = writer
        if known is None or not self._deep_enough(known):
            self._created = known is None
            writer.begin(self._facts)
        else:
            writer.go_on()
            self._known = known
        return True

    # -- frames -----------------------------------------------------------------------------------------------------

    def recall(self, frame: DecodedFrame) -> Candidates | None:
        """The candidates an earlier run found in this frame; None where it did not get that far."""
        if self._known is None or frame.index >= self._known.frames:
            return None
        try:
            candidates = self._known.recall(frame.index, frame.pts_s, *frame.size)
        except StoreError as error:
            log.info("%s", error)
            self._give_up("The kept detections are damaged")
            return None
        if candidates is None:
            self._give_up("The kept detections are of other frames")
        return candidates

    def _give_up(self, why: str) -> None:
        self._let_go(f"{why}; the rest of the video is analysed again, and not kept.")

    def _let_go(self, note: str) -> None:
        self.notes.append(note)
        if self._writer is not None:
            self._writer.close(keep=False)
        elif self._known is not None:
            self._known.close()
        self._known = self._writer = self._path = None

    def keep(self, frames: Sequence[DecodedFrame], found: Sequence[Candidates]) -> None:
        """Append what the network found in the next frames, one batch.

        Raises:
            AppError: The disk refuses.
        """
        if self._writer is None:
            return
        stored = [
            StoredFrame(frame.pts_s, *frame.size, candidates) for frame, candidates in zip(frames, found, strict=True)
        ]
        try:
            self._writer.extend(stored)
        except StoreError as error:
            self._give_up(error.message.rstrip("."))

    def finish(self, check: Callable[[], None] = lambda: None, cuts: Sequence[int] = ()) -> None:
        """Ends the store, which has all frames now, and gives it its name if it is permanent.

        Args:
            check: Called now and then; may raise to stop.
            cuts: As ``CandidateStore.cuts``.

        Raises:
            AppError: The disk refuses.
        """
        whole_sha256 = self._source.whole_sha256(check) if self._writer is not None and self._permanent else ""
        if not self._source.unchanged():
            self._let_go(f"{self._source.path.name} was changed while it was read; its detections are not kept.")
            return
        self._created = False  # whatever happens to the files now, this is worth keeping
        if self._writer is None:
            return
        if self._permanent:
            self._writer.finish(whole_sha256, cuts)
            self._path = self._writer.target
        else:
            self._writer.flush()
            self.temporary = self._writer.target

    def close(self, keep: bool) -> None:
        """Let go; never raises.

        Args:
            keep: Leave what this job began for the next one to continue. What was there before always stays.
        """
        if self._writer is not None:
            self._writer.close(keep or not self._created)
        elif self._known is not None:
            self._known.close()
