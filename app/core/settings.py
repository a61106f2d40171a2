"""Settings: frozen dataclasses whose fields carry their own label, help, unit and limits.

The window's panel, its Preferences and the command line's help are made from these fields, so a setting is described
once. Only the GUI thread (or the CLI) writes; everyone else is handed a snapshot. Loading never fails: a broken file is
set aside, a broken value is replaced by its default, and both are reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.thresholds import COMMON, COMMON_IOU
from detector.bundled_files import default_model

Choices = tuple[tuple[str, str], ...]
"""(stored value, shown text) pairs."""


@dataclass(frozen=True, slots=True)
class SettingInfo:
    """How a setting is shown and checked.

    Attributes:
        label: Short name.
        help: One sentence: what it does.
        unit: "px", "%", "fps"...; empty for none.
        minimum: Smallest allowed number.
        minimum_label: Shown in place of the smallest number; empty shows the number.
        maximum: Largest allowed number.
        step: Slider or spin-box step.
        choices: Allowed texts; filled at run time where empty and ``dynamic`` is set.
        dynamic: "models", "devices", "classes", "resolutions": choices come from the running program.
        daily: In the panel beside the video; the others are in the Preferences window.
        hidden: Kept, but shown in neither.
    """

    label: str
    help: str
    unit: str = ""
    minimum: float | None = None
    minimum_label: str = ""
    maximum: float | None = None
    step: float | None = None
    choices: Choices = ()
    dynamic: str = ""
    daily: bool = False
    hidden: bool = False


def setting(default: Any, label: str, help: str, **limits: Any) -> Any:
    """A dataclass field with its ``SettingInfo`` under metadata["setting"]; a function makes its default when asked."""
    info = {"setting": SettingInfo(label, help, **limits)}
    return field(default_factory=default, metadata=info) if callable(default) else field(default=default, metadata=info)


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which model runs, and where."""

    name: str = setting(default_model, "Model", "The detector to run.", dynamic="models", daily=True)
    device: str = setting("auto", "Device", "Where it runs.", dynamic="devices")
    precision: str = setting(
        "auto",
        "Precision",
        "Number format of the network; auto picks one whose results agree with fp32. int8 needs an optimised model.",
        choices=(("auto", "auto"), ("fp32", "fp32"), ("bf16", "bf16"), ("fp16", "fp16"), ("int8", "int8")),
    )


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """The filter between the network's output and what is shown.

    ``threshold`` is the one in force for the model in use. It follows from the model and ``ChosenSettings.thresholds``,
    see ``app.core.thresholds``; likewise ``iou`` and ``classes``. What the file says of these three counts in files of
    old only.
    """

    threshold: float = setting(
        COMMON, "Threshold", "Show objects with at least this score.", minimum=0.0, maximum=1.0, step=0.01, daily=True
    )
    iou: float = setting(
        COMMON_IOU,
        "Overlap (NMS IoU)",
        "Of two boxes of one class that overlap more than this, show the better one. Each model has its own limit (the "
        "mark), until you move it.",
        minimum=0.0,
        maximum=1.0,
        step=0.01,
    )
    classes: tuple[str, ...] = setting(
        (), "Classes", "Show these classes; naming none shows all.", dynamic="classes", daily=True
    )
    max_detections: int = setting(
        200, "Maximum detections", "Show at most this many objects, the best.", minimum=1, maximum=1000, step=1
    )


@dataclass(frozen=True, slots=True)
class OverlaySettings:
    """How boxes look, in the window and in exported files."""

    line_width: float = setting(
        2.0, "Line width", "Thickness of a box's outline.", unit="px", minimum=1.0, maximum=12.0, step=0.5
    )
    label_size: float = setting(
        14.0, "Label size", "Height of label text.", unit="px", minimum=8.0, maximum=48.0, step=1.0
    )
    show_labels: bool = setting(True, "Labels", "Write the class beside each box.")
    show_scores: bool = setting(True, "Scores", "Write the score beside each label.")
    show_numbers: bool = setting(True, "Numbers", "Write the number beside the class where objects are followed.")
    fill: float = setting(0.0, "Fill", "Tint the inside of each box.", unit="%", minimum=0.0, maximum=60.0, step=5.0)
    palette: str = setting(
        "vivid",
        "Colours",
        "Colour of each class.",
        choices=(("vivid", "Vivid"), ("colour-blind", "Colour-blind safe"), ("single", "One colour")),
    )
    show_badge: bool = setting(True, "FPS badge", "Show speed and latency on the video.")
    show_trails: bool = setting(False, "Trails", "In the window, draw where objects were during the last seconds.")
    show_counts: bool = setting(
        False, "Counts", "In the window, show on the video how many are seen of each class, and how many so far."
    )


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Which sources are opened."""

    last: str = setting("", "Last source", "The one that was open when the window was closed.", hidden=True)
    recent: tuple[str, ...] = setting((), "Recent sources", "The ten last ones.", hidden=True)
    several: tuple[str, ...] = setting((), "Several sources", "Those shown side by side.", hidden=True)
    resolution: str = setting(
        "auto",
        "Camera resolution",
        "Asked of the camera; it may choose another.",
        choices=(
            ("auto", "Auto"),
            ("640x480", "640 x 480"),
            ("1280x720", "1280 x 720"),
            ("1920x1080", "1920 x 1080"),
        ),
    )
    fps: int = setting(
        0,
        "Camera rate",
        "Asked of the camera; Auto leaves it alone.",
        unit="fps",
        minimum_label="Auto",
        minimum=0,
        maximum=240,
        step=1,
    )
    loop: bool = setting(False, "Loop", "Start a video again when it ends.")
    smooth: str = setting(
        "auto",
        "Smooth boxes",
        "Show every frame at once and move boxes with what they hold; auto does so when the detector is slower.",
        choices=(("auto", "Auto"), ("on", "On"), ("off", "Off")),
    )
    analyse_every: int = setting(
        1,
        "Analyse every",
        "An analysis runs the model on every Nth frame and those beside a cut: faster, and short events may be missed.",
        unit="frames",
        minimum_label="Auto",
        minimum=0,  # export.request.AUTO
        maximum=60,
        step=1,
    )
    at_start: str = setting(
        "files",
        "Open at start",
        "What opens by itself when the program starts. A camera or stream does so only if chosen here.",
        choices=(
            ("nothing", "Nothing"),
            ("files", "The last video or images"),
            ("any", "The last source, cameras too"),
        ),
    )


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """How the live view is recorded."""

    mode: str = setting(
        "clean",
        "Record",
        "What comes from the source, as it comes where it is a stream; or what the window shows, with its boxes.",
        choices=(("clean", "Without boxes"), ("drawn", "With boxes"), ("both", "Both, in two files")),
    )
    folder: str = setting("", "Folder", "Where recordings and clips go; empty for ssd-viewer in your folder of videos.")
    before_s: int = setting(
        5, "Before an event", "A clip begins so long before its event.", unit="s", minimum=0, maximum=60, step=1
    )
    after_s: int = setting(
        10, "After an event", "... and goes on so long after it.", unit="s", minimum=0, maximum=300, step=5
    )
    segment_min: int = setting(
        10,
        "Length of a file",
        "A recording is cut into files of this length.",
        unit="min",
        minimum=1,
        maximum=120,
        step=1,
    )
    max_gb: int = setting(
        0,
        "Size of the folder",
        "The oldest recordings go when there is more; never one beside which is NAME.keep.",
        unit="GB",
        minimum_label="No limit",
        minimum=0,
        maximum=2000,
        step=10,
    )
    max_days: int = setting(
        0,
        "Age of recordings",
        "Older ones go, likewise.",
        unit="days",
        minimum_label="No limit",
        minimum=0,
        maximum=365,
        step=1,
    )
    event_days: int = setting(
        30,
        "Keep live events",
        "What a camera, stream or screen showed stays in the list of events, with a picture; what was marked or named "
        "stays longer.",
        unit="days",
        minimum_label="Keep none",
        minimum=0,
        maximum=365,
        step=1,
    )


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """How models are fetched when the user asks for one; nothing else uses the network."""

    proxy: str = setting("", "Proxy", "http://HOST:PORT for downloads of models; empty takes the system's.")
    mirror: str = setting("", "Mirror", "Web address of a folder that has the published files; empty for the original.")


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """The window itself."""

    theme: str = setting(
        "system",
        "Appearance",
        "Light or dark.",
        choices=(("system", "System"), ("light", "Light"), ("dark", "Dark")),
    )
    notify: bool = setting(
        True, "Notify when finished", "When an export ends while you look elsewhere, say so on the desktop."
    )
    show_zones: bool = setting(True, "Show zones", "Draw zones, lines and masks thin over the frame while you watch.")
    show_panel: bool = setting(True, "Settings panel", "Show the panel.", hidden=True)
    geometry: str = setting("", "Geometry", "Place and size of the window.", hidden=True)


@dataclass(frozen=True, slots=True)
class ChosenSettings:
    """Choices for single models, by the name that they are asked for."""

    thresholds: Mapping[str, float] = setting(
        dict, "Thresholds", "Chosen instead of the model's own.", minimum=0.0, maximum=1.0, hidden=True
    )
    classes: Mapping[str, tuple[str, ...]] = setting(
        dict, "Classes", "Those to show; a model that is not named shows all.", hidden=True
    )
    ious: Mapping[str, float] = setting(
        dict, "Overlaps", "Limits chosen instead of the model's own.", minimum=0.0, maximum=1.0, hidden=True
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is remembered."""

    model: ModelSettings = field(default_factory=ModelSettings)
    detection: DetectionSettings = field(default_factory=DetectionSettings)
    overlay: OverlaySettings = field(default_factory=OverlaySettings)
    source: SourceSettings = field(default_factory=SourceSettings)
    window: WindowSettings = field(default_factory=WindowSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    recording: RecordingSettings = field(default_factory=RecordingSettings)
    chosen: ChosenSettings = field(default_factory=ChosenSettings)
