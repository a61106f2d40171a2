"""The export dialog: what the video is, what will be written, progress, cancel, result."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt, QUrl
from pytestqt.qtbot import QtBot

from app.core.errors import AppError
from app.core.events.scene import IgnoreMask, Scene
from app.core.events.scene_store import SceneStore
from app.core.export.request import AUTO, DataFile, ExportProgress, ExportRequest
from app.core.export.seen import SeenSoFar
from app.core.export_queue.interrupted import InterruptedExport
from app.core.files.disk import size_text
from app.core.highlights.options import HighlightOptions
from app.core.muxing.video_options import VideoOptions
from app.core.settings import DetectionSettings, ModelSettings, OverlaySettings, Settings
from app.core.thresholds import ModelThreshold
from app.ui.export.export_dialog import ExportDialog, VideoFacts, read_facts
from app.ui.export.export_form import ExportForm
from app.ui.export.export_models import ExportModels
from app.ui.export.export_options import ExportOptions
from app.ui.services.background import Background
from app.ui.services.export_runner import ExportRunner
from app.ui.widgets.quantity_text import duration_text, wait_text
from app.ui.widgets.theme import Theme
from tests.support.media import make_video
from tests.support.qt_checks import cut_texts, outside, overlaps, settle, show_active
from tests.support.qt_fakes import FakeJob, application
from tools.fixtures.coded_images import coded_image

MODELS = ExportModels(
    (("demo", "demo"), ("faces", "faces")),
    {"faces": ModelThreshold(0.4, 0.4), "demo": ModelThreshold(0.5, None)}.__getitem__,
    {"faces": (), "demo": ("star", "vehicle")}.__getitem__,
    {"faces": ("person", "car", "traffic light"), "demo": ("circle", "star")},
    {"faces": ModelThreshold(0.3, 0.3), "demo": ModelThreshold(0.6, 0.45)}.__getitem__,
)


class Booth:
    """A dialog over a job that the test steers."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.jobs: list[FakeJob] = []
        self.facts = "1280 wide"
        self.refusal: AppError | None = None
        self.interrupted: InterruptedExport | None = None
        self.masks: tuple[IgnoreMask, ...] = ()
        self.background = Background()
        self.runner = ExportRunner(self.background, self._make)
        chosen = Settings(model=ModelSettings(name="faces"))
        self.dialog = ExportDialog(
            source,
            chosen,
            MODELS,
            Theme(application(), "dark"),
            self.background,
            self.runner,
            self._look,
        )

    def _make(self, request, progress):  # type: ignore[no-untyped-def] # as MakeJob
        self.jobs.append(FakeJob(request, progress))
        return self.jobs[-1]

    def _look(self, _path: Path) -> VideoFacts:
        if self.refusal is not None:
            raise self.refusal
        return VideoFacts(self.facts, 1_234_000, self.interrupted, self.masks)

    def press_export(self, qtbot: QtBot) -> FakeJob:
        qtbot.waitUntil(self.dialog.form.start.isEnabled)
        self.dialog.form.start.click()
        qtbot.waitUntil(lambda: bool(self.jobs) and self.jobs[-1].started.is_set())
        return self.jobs[-1]


def choose_model(form: ExportForm, name: str) -> None:
    """As from the list."""
    combo = form.detector.model.combo
    combo.setCurrentIndex(combo.findData(name))
    combo.activated.emit(combo.currentIndex())


@pytest.fixture
def booth(qtbot: QtBot, tmp_path: Path) -> Iterator[Booth]:
    source = tmp_path / "street.mp4"
    source.write_bytes(b"film")
    made = Booth(tmp_path, source)
    show_active(qtbot, made.dialog)
    yield made
    for job in made.jobs:
        job.cancel()
    qtbot.waitUntil(lambda: not made.runner.running)
    made.dialog.close()
    assert made.background.close(5.0)
    made.dialog.deleteLater()


def test_form_shows_what_it_is_and_proposes_where_to(booth: Booth, qtbot: QtBot, tmp_path: Path) -> None:
    form = booth.dialog.form
    qtbot.waitUntil(lambda: form.facts.text() == "1280 wide")
    assert form.output.path == tmp_path / "street.annotated.mp4"
    assert form.detector.model.combo.currentData() == "faces"
    assert form.detector.threshold.spin.value() == 0.4
    assert form.detector.threshold.slider.mark == 40
    choose_model(form, "demo")
    assert form.detector.threshold.spin.value() == 0.5
    assert form.detector.threshold.slider.mark is None


def test_request_carries_what_was_chosen(booth: Booth, tmp_path: Path) -> None:
    form = booth.dialog.form
    form.options.data["csv"].setChecked(True)
    form.detector.model.show_value("demo")
    form.detector.threshold.show_value(0.75)
    form.options.video.quality.setCurrentIndex(form.options.video.quality.findData("best"))
    form.options.video.deinterlace.setChecked(True)
    request = form.request()
    assert request is not None
    assert request.output == tmp_path / "street.annotated.mp4"
    assert request.data == (DataFile(tmp_path / "street.annotated.csv", "csv"),)
    assert (request.model.name, request.detection.threshold) == ("demo", 0.75)
    assert request.highlights == HighlightOptions()
    form.options.data["coco"].setChecked(True)
    form.options.objects.tracks.setChecked(True)
    form.options.objects.snapshots.setChecked(True)
    more = form.request()
    assert more is not None
    assert more.data[1:] == (DataFile(tmp_path / "street.annotated.json", "coco"),)
    assert more.highlights == HighlightOptions(tracks=True, snapshots=tmp_path / "street.annotated.snapshots")
    assert (request.video.quality, request.video.deinterlace) == ("best", True)
    form.options.want_video.setChecked(False)
    only_data = form.request()
    assert only_data is not None
    assert only_data.output is None


def test_form_names_the_classes_that_the_model_has_and_asks_for_these(booth: Booth) -> None:
    form = booth.dialog.form
    assert form.detector.classes.text() == "Classes: all 3 that the model knows"
    request = form.request()
    assert request is not None
    assert request.detection.classes == ()
    choose_model(form, "demo")
    assert form.detector.classes.text() == "Classes: star only, as in the settings"
    other = form.request()
    assert other is not None
    assert other.detection.classes == ("star",)


def test_the_result_says_which_classes_were_looked_for(booth: Booth, qtbot: QtBot) -> None:
    choose_model(booth.dialog.form, "demo")
    booth.press_export(qtbot).go.set()
    qtbot.waitUntil(booth.dialog.page.open_folder.isVisible)
    assert "Only star was looked for." in booth.dialog.page.line.text()


def test_clips_images_in_sets_and_what_is_kept(booth: Booth, qtbot: QtBot, tmp_path: Path) -> None:
    form, options = booth.dialog.form, booth.dialog.form.options
    qtbot.waitUntil(form.start.isEnabled)
    assert "about 1.2 MB" in options.keep.text()
    assert not options.images.isEnabled()
    options.data["voc"].setChecked(True)
    options.images.setChecked(True)
    options.every.setValue(0.5)
    options.keep.setChecked(False)
    objects = options.objects
    objects.clips.setChecked(True)
    assert not form.start.isEnabled()
    assert "Say of which classes" in form.trouble.text()
    objects.clip_classes.setText("person, traffic light,,person")
    objects.before.setValue(0.0)
    objects.after.setValue(3.3)
    objects.snapshots.setChecked(True)
    objects.snapshot_classes.setText("car")
    options.video.encoder.setCurrentIndex(options.video.encoder.findData("libx264"))
    assert form.start.isEnabled()
    request = form.request()
    assert request is not None
    assert request.cache == "drop"
    assert request.video.encoder == "libx264"
    assert request.highlights == HighlightOptions(
        frames_every_s=Fraction(1, 2),
        snapshots=tmp_path / "street.annotated.snapshots",
        snapshot_classes=("car",),
        clips=tmp_path / "street.annotated.clips",
        clip_classes=("person", "traffic light"),
        before_s=Fraction(0),
        after_s=Fraction(33, 10),
    )
    options.data["voc"].setChecked(False)
    without_sets = form.request()
    assert without_sets is not None
    assert without_sets.highlights.frames_every_s is None


def test_a_class_that_the_settings_leave_out_is_refused(qtbot: QtBot) -> None:
    options = ExportOptions()
    options.show_classes(("person",), ("person", "car"))
    options.objects.clips.setChecked(True)
    options.objects.clip_classes.setText("car")
    assert options.trouble == "The settings leave car out. Show that class, too."
    options.objects.clip_classes.setText("person")
    assert options.trouble == ""


def test_class_names_are_checked_while_they_are_typed(booth: Booth, qtbot: QtBot) -> None:
    form, objects = booth.dialog.form, booth.dialog.form.options.objects
    qtbot.waitUntil(form.start.isEnabled)
    assert objects.clip_classes.placeholderText() == "such as person, car"
    assert objects.snapshot_classes.placeholderText() == "of any class, or such as person, car"
    objects.clips.setChecked(True)
    assert form.trouble.text() == "Say of which classes clips are wanted, such as person, car."
    objects.clip_classes.setFocus()
    qtbot.keyClicks(objects.clip_classes, "person, tra")
    assert form.trouble.text() == "Finish the name “tra”: traffic light."
    assert not objects.clip_classes.property("wrong"), "it may become right"
    assert not form.start.isEnabled()
    objects.clip_classes.clear()
    qtbot.keyClicks(objects.clip_classes, "person, bus")
    assert form.trouble.text() == "The model knows no class “bus”."
    assert objects.clip_classes.property("wrong") is True
    assert not form.start.isEnabled()
    objects.clip_classes.setText("person, cart")
    assert form.trouble.text() == "The model knows no class “cart”. Did you mean car?"
    objects.clip_classes.setText("Person, car")
    assert form.start.isEnabled()
    choose_model(form, "demo")
    assert objects.clip_classes.placeholderText() == "such as star"
    assert "leave Person out" in form.trouble.text()


def test_a_name_of_several_is_completed(booth: Booth, qtbot: QtBot) -> None:
    field = booth.dialog.form.options.objects.clip_classes
    booth.dialog.form.options.objects.clips.setChecked(True)
    field.setFocus()
    qtbot.keyClicks(field, "car, lig")
    popup = field.completions
    qtbot.waitUntil(popup.isVisible)
    qtbot.keyClick(popup, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert field.text() == "car, traffic light"
    assert field.names == ("car", "traffic light")
    assert booth.jobs == [], "Enter chose the word, and pressed no button"
    field.setText("lig, car")
    field.setCursorPosition(3)
    qtbot.keyClick(field, Qt.Key.Key_H)
    qtbot.keyClick(popup, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert field.text() == "traffic light, car"


def test_images_alone_are_an_export(booth: Booth, qtbot: QtBot, tmp_path: Path) -> None:
    form = booth.dialog.form
    form.options.want_video.setChecked(False)
    form.options.objects.snapshots.setChecked(True)
    job = booth.press_export(qtbot)
    assert (job.request.output, job.request.data) == (None, ())
    assert booth.dialog.folder == tmp_path


@pytest.mark.parametrize("low", [False, True])
def test_nothing_of_the_form_is_cut_or_covered(booth: Booth, qtbot: QtBot, low: bool) -> None:
    dialog = booth.dialog
    dialog.form.options.objects.clips.setChecked(True)  # and says what is missing
    dialog.form.options.video.show_pace(True)
    if low:
        dialog.resize(520, 400)
    settle()
    assert overlaps(dialog) + cut_texts(dialog) + outside(dialog) == []


def test_nothing_to_write_cannot_be_started(booth: Booth, qtbot: QtBot) -> None:
    form = booth.dialog.form
    qtbot.waitUntil(form.start.isEnabled)
    form.options.want_video.setChecked(False)
    assert not form.start.isEnabled()
    assert form.trouble.isVisible()
    form.options.data["jsonl"].setChecked(True)
    assert form.start.isEnabled()


def test_source_is_never_a_target(booth: Booth, qtbot: QtBot, tmp_path: Path) -> None:
    form = booth.dialog.form
    form.output.line.setText(str(tmp_path / "street.mp4"))
    qtbot.waitUntil(form.start.isEnabled)
    form.start.click()
    assert "never overwritten" in form.trouble.text()
    assert booth.jobs == []


def test_file_that_is_no_video_says_so(booth: Booth, qtbot: QtBot, tmp_path: Path) -> None:
    booth.refusal = AppError("notes.txt is not a video.", "Choose another file.")
    form = booth.dialog.form
    form.set_source(tmp_path / "notes.txt")
    qtbot.waitUntil(lambda: "not a video" in form.facts.text())
    assert not form.start.isEnabled()


def test_own_output_name_is_kept_when_the_source_changes(booth: Booth, tmp_path: Path) -> None:
    form = booth.dialog.form
    form.set_source(tmp_path / "other.mp4")
    assert form.output.path == tmp_path / "other.annotated.mp4"
    form.output.line.setText(str(tmp_path / "mine.mp4"))
    form.set_source(tmp_path / "third.mp4")
    assert form.output.path == tmp_path / "mine.mp4"


def test_progress_then_report(booth: Booth, qtbot: QtBot) -> None:
    job = booth.press_export(qtbot)
    page = booth.dialog.page
    qtbot.waitUntil(lambda: "50 of 200 frames" in page.line.text())
    assert page.bar.value() / page.bar.maximum() == 0.25
    assert "5 s left" in page.line.text()
    job.go.set()
    qtbot.waitUntil(page.open_folder.isVisible)
    assert "street.annotated.mp4" in page.title.text()
    assert page.found.text() == "321 detections in 200 frames"
    assert "Detections: car 300, dog 21." in page.line.text()
    assert "subtitle track was left out" in page.line.text()
    assert not page.cancel.isVisible()


def test_progress_shows_the_frame_just_written_and_what_was_found(booth: Booth, qtbot: QtBot) -> None:
    job, page = booth.press_export(qtbot), booth.dialog.page
    assert page.preview.is_empty
    frame = np.full((90, 160, 4), 200, np.uint8)
    frame[..., 3] = 255
    job.on_progress(ExportProgress("running", 80, 200, 25.0, 6.0, seen=SeenSoFar(40, {"car": 3}, frame)))
    qtbot.waitUntil(lambda: page.found.text() == "3 cars so far")
    assert page.preview.grab().toImage().pixelColor(page.preview.rect().center()).red() == 200
    assert page.preview.height() * 2 > page.height(), "it has most of the page"
    job.on_progress(ExportProgress("running", 90, 200, 25.0, 6.0, seen=SeenSoFar(40, None)))
    qtbot.waitUntil(lambda: page.found.text() == "40 detections in 90 frames so far")
    assert not page.preview.is_empty
    settle()
    assert overlaps(booth.dialog) + cut_texts(booth.dialog) + outside(booth.dialog) == []


def test_result_shows_the_frame_with_the_most_detections(booth: Booth, qtbot: QtBot) -> None:
    job, page = booth.press_export(qtbot), booth.dialog.page
    last, telling = (np.full((90, 160, 4), (grey, grey, grey, 255), np.uint8) for grey in (200, 60))
    job.on_progress(ExportProgress("running", 80, 200, 25.0, 6.0, seen=SeenSoFar(40, None, last)))
    qtbot.waitUntil(lambda: not page.preview.is_empty)
    job.telling_frame = telling
    job.go.set()
    qtbot.waitUntil(page.open_folder.isVisible)
    assert page.preview.grab().toImage().pixelColor(page.preview.rect().center()).red() == 60
    assert "most detections" in page.preview.accessibleDescription()


@pytest.mark.parametrize("every", [1, AUTO, 4])
def test_how_often_to_detect_is_asked_and_remembered(booth: Booth, qtbot: QtBot, tmp_path: Path, every: int) -> None:
    form, choice = booth.dialog.form, booth.dialog.form.options.key_frames
    request = form.request()
    assert request is not None
    assert request.detect_every == 1
    assert not choice.number.isVisible()
    choice.combo.setCurrentIndex({1: 0, AUTO: 1}.get(every, 2))
    choice.number.setValue(4)
    assert choice.number.isVisible() == (every == 4)
    job = booth.press_export(qtbot)
    assert job.request.detect_every == every
    booth.dialog.page.cancel.click()
    qtbot.waitUntil(booth.dialog.page.again.isVisible)
    choice.show_value(1)
    booth.interrupted = InterruptedExport(tmp_path / "m", job.request, job.request, tmp_path / "s", None)
    booth.dialog.page.again.click()
    qtbot.waitUntil(lambda: form.start.text() == "Resume")
    assert choice.value == every, "a stopped export opens with it"
    choice.show_value(9)
    assert form.start.text() == "Export", "what was found is of other frames"


def test_result_plays_the_video(booth: Booth, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr("app.ui.export.export_dialog.QDesktopServices.openUrl", opened.append)
    booth.press_export(qtbot).go.set()
    page = booth.dialog.page
    qtbot.waitUntil(page.play.isVisible)
    page.play.click()
    assert [Path(url.toLocalFile()) for url in opened] == [tmp_path / "street.annotated.mp4"]
    settle()
    assert overlaps(booth.dialog) + cut_texts(booth.dialog) + outside(booth.dialog) == []


def test_result_without_a_video_has_nothing_to_play(booth: Booth, qtbot: QtBot) -> None:
    booth.dialog.form.options.want_video.setChecked(False)
    booth.dialog.form.options.data["csv"].setChecked(True)
    booth.press_export(qtbot).go.set()
    qtbot.waitUntil(booth.dialog.page.open_folder.isVisible)
    assert not booth.dialog.page.play.isVisible()


def test_presets_choose_in_the_details_and_follow_them(booth: Booth, qtbot: QtBot, tmp_path: Path) -> None:
    form = booth.dialog.form
    qtbot.waitUntil(form.start.isEnabled)
    video, table, objects = form.presets.buttons

    def pressed() -> list[str]:
        return [button.text() for button in form.presets.buttons if button.isChecked()]

    assert pressed() == ["Video"]
    form.options.objects.clips.setChecked(True)
    assert (pressed(), form.presets.words.text()) == ([], "Your own choice, as in the details below.")
    objects.click()
    assert pressed() == ["Objects"]
    request = form.request()
    assert request is not None
    assert request.data == (DataFile(tmp_path / "street.annotated.csv", "csv"),)
    assert request.highlights == HighlightOptions(tracks=True, snapshots=tmp_path / "street.annotated.snapshots")
    objects.click()
    assert pressed() == ["Objects"], "a second click takes nothing away"
    form.options.objects.snapshots.setChecked(False)
    assert pressed() == ["Video and table"]
    table.click()
    video.click()
    plain = form.request()
    assert plain is not None
    assert (plain.data, plain.highlights) == ((), HighlightOptions())


def test_daily_choices_come_before_the_details(booth: Booth) -> None:
    form = booth.dialog.form
    daily = (form.source, form.presets, form.output, form.detector)
    details = (form.options.want_video, form.options.video, form.options.data["csv"], form.options.keep)
    tops = [widget.mapTo(form, QPoint(0, 0)).y() for widget in (*daily, *details)]
    assert tops == sorted(tops)
    assert len(set(tops)) == len(tops)


def test_cancel(booth: Booth, qtbot: QtBot) -> None:
    job = booth.press_export(qtbot)
    booth.dialog.page.cancel.click()
    assert job.cancelled
    qtbot.waitUntil(booth.dialog.page.again.isVisible)
    assert "cancelled" in booth.dialog.page.title.text()
    booth.dialog.page.again.click()
    assert booth.dialog.form.isVisible()


def stopped(folder: Path, part_done: float | None = 0.6) -> InterruptedExport:
    """An export with a choice of everything, which was stopped."""
    request = ExportRequest(
        folder / "street.mp4",
        None,
        (DataFile(folder / "mine.csv", "csv"), DataFile(folder / "mine.json", "coco")),
        ModelSettings("faces", "cpu", "fp32"),
        DetectionSettings(0.7, 0.6, ("car",), 50),
        OverlaySettings(line_width=5.0),
        VideoOptions("best", "libx264", deinterlace=True),
        "drop",
        HighlightOptions(True, Fraction(1, 2), folder / "mine.snapshots", ("car",), before_s=Fraction(1)),
    )
    return InterruptedExport(folder / "mark.json", request, request, folder / "street.mp4.ssdv.part", part_done)


def test_each_model_is_thinned_out_by_its_own_limit(booth: Booth, tmp_path: Path) -> None:
    form = booth.dialog.form
    found = {}
    for name in ("faces", "demo"):
        choose_model(form, name)
        request = form.request()
        assert request is not None
        found[name] = request.detection.iou
    assert found == {"faces": 0.3, "demo": 0.6}
    begun = stopped(tmp_path)
    form.show_interrupted(begun)
    request = form.request()
    assert request is not None
    assert request.detection.iou == begun.again.detection.iou


def test_titles_beside_each_other_are_on_one_line(booth: Booth) -> None:
    detector = booth.dialog.form.detector
    settle()
    model, threshold = (
        title.mapTo(detector, title.rect().center()).y() for title in (detector.model.title, detector.threshold.title)
    )
    assert abs(model - threshold) <= 1


def test_a_stopped_export_opens_with_its_choices_and_goes_on(booth: Booth, qtbot: QtBot, tmp_path: Path) -> None:
    form = booth.dialog.form
    qtbot.waitUntil(form.start.isEnabled)
    assert form.start.text() == "Export"
    booth.interrupted = stopped(tmp_path)
    form.set_source(tmp_path / "other.mp4")
    form.set_source(tmp_path / "street.mp4")
    qtbot.waitUntil(form.start.isEnabled)
    assert form.start.text() == "Resume (60 % analysed)"
    assert form.request() == booth.interrupted.again
    assert "stopped at 60 %" in form.facts.text()
    choose_model(form, "demo")
    assert form.start.text() == "Export"
    choose_model(form, "faces")
    form.detector.threshold.show_value(0.7)
    assert booth.press_export(qtbot).request == booth.interrupted.again


def test_back_after_a_cancel_offers_to_resume(booth: Booth, qtbot: QtBot, tmp_path: Path) -> None:
    job = booth.press_export(qtbot)
    booth.dialog.page.cancel.click()
    qtbot.waitUntil(booth.dialog.page.again.isVisible)
    booth.interrupted = InterruptedExport(tmp_path / "m", job.request, job.request, tmp_path / "s", None)
    booth.dialog.page.again.click()
    qtbot.waitUntil(lambda: booth.dialog.form.start.text() == "Resume")
    assert booth.dialog.form.request() == job.request


def test_failure_says_what_to_do(booth: Booth, qtbot: QtBot) -> None:
    job = booth.press_export(qtbot)
    job.error = AppError("The disk is full.", "Free some space.")
    job.go.set()
    page = booth.dialog.page
    qtbot.waitUntil(page.again.isVisible)
    assert (page.title.text(), page.line.text()) == ("The disk is full.", "Free some space.")


def test_existing_file_is_asked_about(
    booth: Booth, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = booth.dialog.form
    form.output.line.setText(str(tmp_path / "old.mp4"))
    (tmp_path / "old.mp4").write_bytes(b"old")
    qtbot.waitUntil(form.start.isEnabled)
    answers = iter((False, True))
    monkeypatch.setattr("app.ui.export.export_dialog.confirmed", lambda *_a, **_k: next(answers))
    form.start.click()
    assert booth.jobs == []
    booth.press_export(qtbot)
    assert len(booth.jobs) == 1


def test_closing_while_running_asks_and_cancels(booth: Booth, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    job = booth.press_export(qtbot)
    answers = iter((False, True))
    monkeypatch.setattr("app.ui.export.export_dialog.confirmed", lambda *_a, **_k: next(answers))
    booth.dialog.close()
    assert booth.dialog.isVisible()
    assert not job.cancelled
    booth.dialog.close()
    assert not booth.dialog.isVisible()
    assert job.cancelled


def test_looking_into_a_real_video(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    make_video(path)
    looked = read_facts(path)
    assert looked.words.startswith("160 × 120")  # noqa: RUF001 - the sign the window shows
    assert looked.kept_bytes is not None
    images = tmp_path / "images"
    images.mkdir()
    for index in range(3):
        cv2.imwrite(str(images / f"{index}.png"), coded_image(index, (64, 48)))
    assert read_facts(images).words.startswith("64 × 48  ·  3 images  ·  ")  # noqa: RUF001
    (tmp_path / "no.mp4").write_bytes(b"no video")
    with pytest.raises(AppError):
        read_facts(tmp_path / "no.mp4")


@pytest.mark.parametrize(
    ("seconds", "words"), [(2, "a few seconds"), (42, "40 s"), (170, "3 min"), (7800, "2 h 10 min")]
)
def test_waits_in_text(seconds: float, words: str) -> None:
    assert wait_text(seconds) == words


def test_sizes_and_spans_in_text() -> None:
    assert [size_text(count) for count in (12, 2_800_000, 160_000_000_000)] == ["12 B", "2.8 MB", "160 GB"]
    assert [duration_text(s) for s in (7, 725, 3723)] == ["0:07", "12:05", "1:02:03"]


def test_masks_of_the_video_are_offered_and_those_of_another_not_kept(
    booth: Booth, qtbot: QtBot, tmp_path: Path
) -> None:
    form = booth.dialog.form
    qtbot.waitUntil(form.start.isEnabled)
    assert not form.masks.isEnabled()
    clock = IgnoreMask("clock", ((0.0, 0.0), (0.3, 0.0), (0.3, 0.1)))
    booth.masks = (clock,)
    other = tmp_path / "yard.mp4"
    other.write_bytes(b"another film")
    form.set_source(other)
    qtbot.waitUntil(form.masks.isEnabled)
    request = form.request()
    assert request is not None
    assert request.masks == (), "unless it is ticked"
    form.masks.setChecked(True)
    request = form.request()
    assert request is not None
    assert request.masks == (clock,)
    booth.masks = ()
    form.set_source(tmp_path / "street.mp4")
    qtbot.waitUntil(lambda: form.start.isEnabled() and not form.masks.isEnabled())
    request = form.request()
    assert request is not None
    assert request.masks == ()


def test_the_masks_are_those_drawn_in_the_window(tmp_path: Path) -> None:
    video = make_video(tmp_path / "street.mp4", frames=5)
    clock = IgnoreMask("clock", ((0.0, 0.0), (0.3, 0.0), (0.3, 0.1)))
    SceneStore().save(str(video), Scene(masks=(clock,)))
    assert read_facts(video).masks == (clock,)
