"""The report: one file that holds everything, asks for nothing, and puts each mistake where it belongs."""

from __future__ import annotations

import base64
import re
import tarfile
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from app.core.errors import AppError
from app.lab.evaluation.plots import write_plots
from app.lab.evaluation.report import write_report
from detector.evaluation.results import Evaluation
from detector.spec import InputSpec, ModelSpec
from tests.support.known_mistakes import (
    BLUE,
    GREEN,
    LABELS,
    RED,
    SCENES,
    VIOLET,
    Object,
    Scene,
    Seen,
    evaluation,
)
from tests.support.report_page import Figure, Page, read_page
from tests.support.shared_data import shared

HOSTILE = '"></td><script>alert(1)</script><img src=http://example.org/x onerror=alert(1)>'
SPEC = ModelSpec("drawn-model", "ssd-vgg16", LABELS, InputSpec(300, 300), title="Drawn", licence="MIT", provenance="us")
WHEN = datetime(2026, 3, 4, 15, 30, tzinfo=UTC)


def report(measured: Evaluation, folder: Path, **options: object) -> Page:
    path = folder / "report.html"
    write_report(measured, path, moment=WHEN, **options)  # type: ignore[arg-type] # passed on
    return read_page(path.read_text(encoding="utf-8"))


def section(page: Page, title: str) -> list[Figure]:
    return next(figures for heading, figures in page.sections.items() if heading.startswith(title))


def test_each_mistake_is_drawn_in_its_section_where_it_is_in_the_image(tmp_path: Path) -> None:
    page = report(evaluation(tmp_path), tmp_path)
    assert {heading: len(found) for heading, found in page.sections.items()} == {
        "Missed (2)": 2,
        "Taken for another class (1)": 1,
        "Badly placed (1)": 1,
        "Nothing there (1)": 1,
        "Found twice (1)": 1,
    }
    largest, late = section(page, "Missed")
    assert "cat" in largest.caption
    assert (largest.tags(), late.tags()) == (["cat"], ["dog", "dog 0.20"])
    assert "found at only 0.20" in late.caption
    for title, colour in (("Missed", VIOLET), ("Taken", GREEN), ("Badly", BLUE), ("Found twice", RED)):
        (x, y, width, height), *_ = section(page, title)[0].boxes("truth")
        figure = section(page, title)[0]
        for part in (0.1, 0.5, 0.9):
            assert np.abs(np.subtract(figure.colour_at(x + width * part, y + height * part), colour)).max() < 25
        assert min(figure.colour_at(x - 4, y + height / 2)) > 200
    assert section(page, "Taken")[0].tags() == ["cat", "dog 0.70"]
    assert section(page, "Taken")[0].root.attrib["aria-label"] == "true object: cat; detection: dog 0.70"
    nothing = section(page, "Nothing")[0]
    assert (nothing.boxes("truth"), len(nothing.boxes("found"))) == ([], 1)
    assert "dog 0.95" in nothing.caption


def test_boxes_and_tags_stay_within_their_image_and_tags_apart(tmp_path: Path) -> None:
    corners = ((0, 0, 40, 30), (360, 270, 400, 300), (0, 0, 400, 300), (395, 0, 400, 300), (-50, -20, 900, 700))
    drawn = [
        Scene(f"corner {n}", (Object(box, 1, RED),), (Seen(tuple(v + 1 for v in box), 0, 0.8),))  # type: ignore[arg-type] # four
        for n, box in enumerate(corners)
    ]
    page = report(evaluation(tmp_path, drawn), tmp_path)
    figures = section(page, "Taken for another class")
    assert len(figures) == len(corners)
    for figure in figures:
        width, height = (float(figure.root.attrib[key]) for key in ("width", "height"))
        outlines = [*figure.boxes("truth"), *figure.boxes("found")]
        tags = [
            tuple(float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
            for group in figure.root.iter("g")
            for rect in group.iter("rect")
        ]
        assert (len(outlines), len(tags)) == (2, 2)
        for x, y, w, h in (*outlines, *tags):
            assert 0 <= x < x + w <= width
            assert 0 <= y < y + h <= height
        (ax, ay, aw, ah), (bx, by, bw, bh) = tags
        assert min(ax + aw, bx + bw) <= max(ax, bx) or min(ay + ah, by + bh) <= max(ay, by)


def test_the_numbers_are_the_evaluations(tmp_path: Path) -> None:
    measured = replace(evaluation(tmp_path), model=SPEC)
    page = report(measured, tmp_path, threshold=0.5)
    assert f"{measured.result.mean_ap:.4f}" in page.text
    for wanted in (
        "drawn-model",
        "Drawn",
        "ssd-vgg16",
        "300 x 300, RGB",
        "MIT",
        "04 March 2026, 15:30",
        "ssd-viewer 0.",
    ):
        assert wanted in page.text
    assert "cpu, 1.8 s, 4.0 images/s" in page.text
    assert "6, and 1 marked difficult that do not count" in page.text
    dog = next(row for row in page.rows if row[0] == "dog")
    ap = measured.result.per_class[0].ap
    assert dog[1:7] == [f"{ap:.3f}", "3", "7", "1", "4", "2"]
    assert next(row for row in page.rows if row[0] == "cat")[2:7] == ["3", "2", "1", "0", "2"]
    assert ["cat", "dog", "1"] in page.rows
    assert "Neither there nor detected: cow." in page.text


def test_the_file_asks_for_nothing_and_runs_nothing_but_its_own_script(tmp_path: Path) -> None:
    page = report(evaluation(tmp_path), tmp_path)
    assert page.addresses
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    assert not {"link", "img", "iframe", "object", "embed", "base", "form", "video", "audio"} & set(page.tags)
    assert page.handlers == []
    assert "url(" not in page.style
    assert "@import" not in page.style
    digest = base64.b64encode(sha256(page.script.encode()).digest()).decode()
    assert page.policy == (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    )


def test_names_from_anywhere_are_text_and_nothing_else(tmp_path: Path) -> None:
    labels = (HOSTILE, f"cat{HOSTILE}", "cow\x00\x1b\ud800")
    measured = evaluation(tmp_path, labels=labels)
    images = tuple(replace(image, image_id=HOSTILE) for image in measured.data.images)
    outcomes = tuple(replace(o, truth=replace(o.truth, image_id=HOSTILE)) for o in measured.result.outcomes)
    data = replace(measured.data, images=images, split=HOSTILE, root=Path(HOSTILE), notes=(HOSTILE,))
    result = replace(measured.result, outcomes=outcomes)
    card = replace(SPEC, title=HOSTILE, licence=HOSTILE, provenance=HOSTILE, accuracy={HOSTILE: 0.5})
    hostile = Evaluation(HOSTILE, HOSTILE, data, result, (HOSTILE + "!",), 1.0, card)
    for changed in (hostile, replace(hostile, data=replace(data, labels=labels), result=without_images(result))):
        page = report(changed, tmp_path)
        assert page.tags.count("script") == 1
        assert "img" not in page.tags
        assert page.handlers == []
        assert "<script>alert(1)</script>" in page.text


def without_images(result):  # type: ignore[no-untyped-def] # any result
    return replace(result, outcomes=tuple(replace(o, truth=replace(o.truth, path=None)) for o in result.outcomes))


def test_without_images_the_mistakes_are_listed(tmp_path: Path) -> None:
    page = report(evaluation(None), tmp_path)
    assert page.sections == {}
    assert "The images of the data set are not here" in page.text
    assert "none of them here" in page.text
    assert ["nothing", "dog", "-", "0.95", "250, 20 to 330, 90"] in page.rows
    assert ["missed", "-", "cat", "-", "20, 30 to 250, 280"] in page.rows
    assert ["taken-for", "dog", "cat", "0.70", "202, 104 to 318, 204"] in page.rows


def test_an_image_that_cannot_be_shown_is_skipped_and_named(tmp_path: Path) -> None:
    measured = evaluation(tmp_path)
    (tmp_path / "taken-for.png").write_bytes(b"no image")
    (tmp_path / "nothing.png").unlink()
    small = cv2.imencode(".png", np.zeros((30, 40, 3), np.uint8))[1].tobytes()
    (tmp_path / "beside.png").write_bytes(small)
    page = report(measured, tmp_path)
    assert sorted(page.sections) == ["Found twice (1)", "Missed (2)"]
    assert "Not shown: taken-for.png is not a readable image." in page.text
    assert "Not shown: nothing.png cannot be read" in page.text
    assert "Not shown: beside.png is 40x30 pixels, and its annotation says 400x300." in page.text
    for scene in SCENES:
        (tmp_path / f"{scene.name}.png").write_bytes(b"")
    assert "Not shown" in report(measured, tmp_path).text


def test_examples_are_few_and_come_from_many_images(tmp_path: Path) -> None:
    spots = [(x, y, x + 30.0, y + 30.0) for x in (10.0, 110.0, 210.0, 310.0) for y in (10.0, 110.0, 210.0)]
    drawn = [
        Scene(f"crowded {n}", (), tuple(Seen(spot, 0, 0.9 - n / 100 - i / 1000) for i, spot in enumerate(spots)))
        for n in range(5)
    ]
    drawn.append(Scene("one", (Object((0, 0, 50, 50), 0, RED),), ()))
    page = report(evaluation(tmp_path, drawn), tmp_path, examples=7)
    shown = [figure.caption.rpartition(" · ")[2] for figure in section(page, "Nothing there (60)")]
    assert shown == ["crowded 0"] * 2 + ["crowded 1"] * 2 + ["crowded 2"] * 2 + ["crowded 3"]
    assert (tmp_path / "report.html").stat().st_size < 200_000


def test_an_evaluation_of_nothing_is_reported(tmp_path: Path) -> None:
    for drawn in ([], [Scene("empty", (), ())], [Scene("unseen", (Object((0, 0, 9, 9), 0, RED),), ())]):
        page = report(evaluation(tmp_path, drawn), tmp_path)
        assert "Mistakes" in page.text
        assert all(path.stat().st_size > 0 for path in write_plots(evaluation(tmp_path, drawn), tmp_path / "plots"))


def test_the_report_is_whole_or_not_there(tmp_path: Path) -> None:
    measured = evaluation(None)
    path = tmp_path / "report.html"
    path.write_text("before")
    with pytest.raises(AppError, match="does not exist"):
        write_report(measured, tmp_path / "nowhere" / "report.html")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(AppError, match="folder"):
        write_report(measured, tmp_path / "folder.html")
    assert path.read_text() == "before"
    write_report(measured, path)
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert list(tmp_path.glob("*.part")) == []


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_plots_are_files_of_their_format(tmp_path: Path, kind: str) -> None:
    paths = write_plots(evaluation(None), tmp_path / "new" / "plots", kind)  # type: ignore[arg-type] # one of two
    names = ["average-precision", "precision-recall", "precision-recall-by-class", "thresholds"]
    assert [path.name for path in paths] == [f"{name}.{kind}" for name in names]
    for path in paths:
        content = path.read_bytes()
        if kind == "svg":
            assert ElementTree.fromstring(content).tag.endswith("svg")
        else:
            image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
            assert (image.min(axis=2) < 100).mean() > 0.002  # ink
            assert (image == 255).all(axis=2).mean() > 0.4  # on paper
    (tmp_path / "taken").write_text("")
    with pytest.raises(AppError):
        write_plots(evaluation(None), tmp_path / "taken")


def test_published_detections_without_their_images(tmp_path: Path) -> None:
    from detector.evaluation.data_sets import read_data, score
    from detector.evaluation.detection_files import read_detections

    for archive in ("voc2007-test-annotations.tar.gz", "detections/voc2007-yolov2.tar.gz"):
        with tarfile.open(shared(archive)) as file:
            file.extractall(tmp_path, filter="data")
    data = read_data(tmp_path / "VOCdevkit", "voc", "test")
    found = read_detections(next(tmp_path.rglob("*det_test_car.txt")).parent, data)
    measured = Evaluation("voc2007-yolov2", "", data, score(data, found, "voc07"), data.notes)
    page = report(measured, tmp_path, threshold=0.3)
    assert "0.7219" in page.text
    assert "4,952, none of them here" in page.text
    assert "The images of the data set are not here" in page.text
    assert {"cat", "tvmonitor", "pottedplant"} <= {row[0] for row in page.rows if row}
    charts = re.findall(r'<svg[^>]* class="chart"', (tmp_path / "report.html").read_text(encoding="utf-8"))
    assert len(charts) == 2 + 20 + 1


def test_a_real_model_on_real_images(tmp_path: Path) -> None:
    from app.lab.evaluation.model_run import run_model
    from detector.evaluation.data_sets import only_classes, read_data, score
    from detector.importers.base import Overrides
    from detector.library import ModelLibrary
    from detector.runtime.open import open_detector

    library = ModelLibrary(tmp_path / "bundled", tmp_path / "models")
    weights = shared("weights/openvino-ssd/person-vehicle-bike-detection-crossroad-0078.xml")
    entry = library.import_file(weights, "crossroad", Overrides(labels=("person", "vehicle", "bike"))).entry
    data = only_classes(read_data(shared("coco-val2017-32"), "coco", "val2017", 12), ("person", "car"))
    detector = open_detector(entry, "cpu")
    ran = run_model(detector, data, renames={"vehicle": "car"})
    measured = Evaluation(
        "crossroad", "cpu", ran.data, score(ran.data, ran.found, "coco"), ran.notes, ran.seconds, detector.spec
    )
    page = report(measured, tmp_path, threshold=0.3, examples=4)
    assert [row[0] for row in page.rows[:12]] == [
        "AP",
        "AP50",
        "AP75",
        "APs",
        "APm",
        "APl",
        "AR1",
        "AR10",
        "AR100",
        "ARs",
        "ARm",
        "ARl",
    ]
    assert section(page, "Missed")
    assert all(figure.boxes("truth") for figure in section(page, "Missed"))
    assert (tmp_path / "report.html").stat().st_size < 3_000_000
