"""The events of a live session. Immutable; made on worker threads, handled wherever the session's owner likes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from app.core.errors import ExplainedError
from app.core.frames import SourceInfo
from detector.spec import ModelSpec


class LiveState(Enum):
    """The states of a session."""

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STALLED = "stalled"
    """A camera or stream that was running is lost, and looked for again."""
    STOPPING = "stopping"
    FAILED = "failed"


ALLOWED: dict[LiveState, frozenset[LiveState]] = {
    LiveState.IDLE: frozenset({LiveState.STARTING}),
    LiveState.STARTING: frozenset({LiveState.RUNNING, LiveState.PAUSED, LiveState.FAILED, LiveState.STOPPING}),
    LiveState.RUNNING: frozenset(
        {LiveState.PAUSED, LiveState.STALLED, LiveState.FAILED, LiveState.STOPPING, LiveState.STARTING}
    ),
    LiveState.PAUSED: frozenset(
        {LiveState.RUNNING, LiveState.STALLED, LiveState.FAILED, LiveState.STOPPING, LiveState.STARTING}
    ),
    LiveState.STALLED: frozenset(
        {LiveState.RUNNING, LiveState.PAUSED, LiveState.FAILED, LiveState.STOPPING, LiveState.STARTING}
    ),
    LiveState.FAILED: frozenset({LiveState.STARTING, LiveState.STOPPING}),
    LiveState.STOPPING: frozenset({LiveState.IDLE}),
}
"""Which state may follow which. STARTING follows RUNNING, PAUSED, STALLED and FAILED when another source is opened."""


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The session is in another state now."""

    state: LiveState


@dataclass(frozen=True, slots=True)
class SourceOpened:
    """The source is open; also after a reconnect, when size and rate may be new.

    Attributes:
        info: What it is.
        first_index: Of its first frame; what has a lower one came before.
    """

    info: SourceInfo
    first_index: int = 0


@dataclass(frozen=True, slots=True)
class SourceTrouble:
    """The source failed, or was lost and is being looked for.

    Attributes:
        message: What happened, one line.
        hint: What to do, one line; may be empty.
        retrying: It is tried again by itself; otherwise the state is FAILED.
        error: The failure itself, for a face that can offer more than words.
    """

    message: str
    hint: str
    retrying: bool
    error: ExplainedError | None = None


@dataclass(frozen=True, slots=True)
class SourceReplaced:
    """Another source is open and takes the place of the present one; ``SourceOpened`` says what it is."""

    uri: str


@dataclass(frozen=True, slots=True)
class ReplacementFailed:
    """Another source cannot be opened; the present one goes on.

    Attributes:
        uri: Of the one that cannot.
        message: What happened, one line.
        hint: What to do, one line; may be empty.
        error: The failure itself, for a face that can offer more than words.
    """

    uri: str
    message: str
    hint: str
    error: ExplainedError | None = None


@dataclass(frozen=True, slots=True)
class SourceNote:
    """Something in the source was left out or is other than asked; it goes on."""

    message: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A file has been played to its end; its last frame stays."""


@dataclass(frozen=True, slots=True)
class ModelLoading:
    """A model is being opened; meanwhile frames come without boxes."""

    name: str


@dataclass(frozen=True, slots=True)
class ModelReady:
    """A model runs from now on.

    Attributes:
        spec: The model.
        engine: As ``Detector.engine``.
        device: As ``Detector.device``.
        precision: As ``Detector.precision``.
        notes: As ``Detector.notes``.
        seconds: Time to open it and run it once.
        kept: The store its results come from, of a video that it analysed before; None where the network runs.
    """

    spec: ModelSpec
    engine: str
    device: str
    precision: str
    notes: tuple[str, ...]
    seconds: float
    kept: Path | None = None


@dataclass(frozen=True, slots=True)
class ModelMeasured:
    """The speed of the running model on this computer; told once, when enough frames went through it.

    Attributes:
        name: As it was asked for: a model of the library, or a file.
        engine: As ``Detector.engine``.
        device: As ``Detector.device``.
        precision: As ``Detector.precision``.
        frames_per_s: By the median time in the detector; the source may have been slower.
    """

    name: str
    engine: str
    device: str
    precision: str
    frames_per_s: float


@dataclass(frozen=True, slots=True)
class ModelFailed:
    """A model could not be opened, or was switched off because it kept failing.

    Attributes:
        message: What happened, one line.
        hint: What to do, one line; may be empty.
        kept: Name of the model that goes on running; "" for none.
    """

    message: str
    hint: str
    kept: str


@dataclass(frozen=True, slots=True)
class DetectorTrouble:
    """The model failed on a frame; that one is shown without boxes and the next is tried."""

    message: str
    hint: str


LiveEvent = (
    StateChanged
    | SourceOpened
    | SourceReplaced
    | ReplacementFailed
    | SourceTrouble
    | SourceNote
    | Ended
    | ModelLoading
    | ModelReady
    | ModelMeasured
    | ModelFailed
    | DetectorTrouble
)
