"""One run through a course: what is left of it. On the main thread; pictures load on threads of their own."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from torch import nn

from detector.errors import DetectorError
from detector.evaluation.data_sets import read_data
from detector.labels import VOC20
from detector.models.ssd import SSD
from detector.runtime.torch_cpu import has_native_bf16
from detector.safetensors_file import atomic_file
from detector.spec import ModelSpec
from detector.training.batches import DeviceDataset
from detector.training.checkpoint import read_checkpoint
from detector.training.data import BadPictures, training_pictures
from detector.training.networks import new_spec
from detector.training.recipe import recipe_from_json
from detector.training.trainer import new_network
from tools.voc.classify import Classification
from tools.voc.courses import Course, Stage
from tools.voc.crops import CropBatches, cut_out
from tools.voc.detect import Detection, Material, load_on_device, measure_pace, picture_source, steps_of
from tools.voc.diary import Diary
from tools.voc.ship import ship
from tools.voc.smaller import SmallerSSD, smaller_spec
from tools.voc.unpack import missing_pictures, unpack
from tools.voc.weights import freeze, take_over

FINISHED, STOPPED, WAITING, TOO_POOR = 0, 130, 3, 4
"""Exit codes: shipped; to be continued; pictures are missing; finished, but not good enough to ship."""
_STEPS = "steps.json"


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line.

    Attributes:
        tars: Folder of the data.
        work: Folder to keep everything in.
        out: Model file to write.
        device: "auto", "cpu" or "cuda".
        threads: Of the CPU.
        save_minutes: Between checkpoints.
    """

    tars: Path
    work: Path
    out: Path
    device: str = "auto"
    threads: int = 2
    save_minutes: float = 4.0


class Run:
    """One run of the command.

    Args:
        options: What was asked for.
        course: How.
        stop: Ends it after the step under way, saved.
        diary: Is told.
    """

    def __init__(self, options: Options, course: Course, stop: threading.Event, diary: Diary) -> None:
        self._options = options
        self._course = course
        self._stop = stop
        self._diary = diary
        self._spec = new_spec("voc", "ssd300-vgg16", VOC20, course.width)

    def go(self) -> int:
        """Do what is left to do; returns the exit code.

        Raises:
            DetectorError: Data or checkpoints cannot be used, or the loss is no number.
        """
        material = self._material()
        if material is None:
            return WAITING
        count = len(material.pictures)
        stages = [replace(stage, recipe=steps_of(stage.recipe, stage.epochs, count)) for stage in self._course.stages]
        before: Stage | None = None
        for stage in stages:
            ssd = cast(SSD, new_network(self._spec, stage.recipe))
            if before is not None:
                take_over(ssd, self._checkpoint(before))
            freeze(ssd, stage.frozen)
            if not self._is_finished(stage):
                learn = self._classify if stage.kind == "crops" else self._detect
                if not learn(ssd, stage, material):
                    return self._stopped(stages, stage, material)
            before = stage
        return self._ship(stages, material, self._options.out)

    def _material(self) -> Material | None:
        """None where pictures are still missing."""
        options = self._options
        tree = options.work / "data"
        for name in unpack(options.tars, tree):
            self._diary.note(f"unpacked {name}")
        root = tree / "VOCdevkit"
        if not (root.is_dir() and any(root.glob("*/Annotations/*.xml"))):
            self._diary.note(f"The annotations are still missing in {options.tars}.")
            return None
        learnt, validation = read_data(root, "voc", "train"), read_data(root, "voc", "val")
        missing = missing_pictures(learnt) + missing_pictures(validation)
        if missing:
            self._diary.note(f"{missing} pictures are still missing: run again when the other tars are there.")
            return None
        device = torch.device(device_name(options.device))
        if device.type == "cuda":
            torch.backends.cudnn.benchmark = True  # every step has the same shapes
        bf16 = device.type == "cuda" or has_native_bf16()
        pictures = training_pictures([learnt], self._spec.labels)
        return Material(pictures, validation, device, options.threads, bf16, self._course.on_device, BadPictures())

    def _classify(self, ssd: SSD, stage: Stage, material: Material) -> bool:
        self._diary.begin(stage.name)
        recipe, threads = stage.recipe, material.threads
        measured = training_pictures([material.validation], self._spec.labels)
        learnt = cut_out(material.pictures, stage.side, recipe.seed, threads, material.bad)
        crops = cut_out(measured, stage.side, recipe.seed, threads, material.bad)
        self._diary.note(f"{len(learnt.classes)} cut-outs to learn from, {len(crops.classes)} to measure on")
        checkpoint = self._checkpoint(stage)
        training = Classification(ssd, recipe, self._spec.input, checkpoint, self._diary, bf16=material.bf16)
        every = max(1, round(stage.validate_every * len(material.pictures) / recipe.batch))
        batches = CropBatches(learnt, stage.side, recipe.batch, recipe.seed)
        often = (self._options.save_minutes * 60, every)
        return training.run(batches, crops, self._stop, every=often, threads=material.threads)

    def _detect(self, ssd: SSD, stage: Stage, material: Material) -> bool:
        network: SSD | SmallerSSD = ssd
        spec = self._spec
        if stage.side < spec.input.height:
            network = SmallerSSD(ssd, stage.side)
            spec = smaller_spec(spec, network, stage.side)
        data = load_on_device(material, self._diary) if self._course.on_device else None
        if self._course.minutes:
            stage = self._fitted(spec, network, stage, material, data)
        detection = Detection(spec, self._spec, network, stage, material, self._diary)
        source = picture_source(spec, stage, material, data)
        return detection.run(source, self._checkpoint(stage), self._stop, self._options.save_minutes * 60)

    def _fitted(
        self, spec: ModelSpec, network: nn.Module, stage: Stage, material: Material, data: DeviceDataset | None
    ) -> Stage:
        """``stage`` as long as the course's minutes allow on this machine; decided once, then kept."""
        path = self._options.work / _STEPS
        if path.exists():
            return replace(stage, recipe=replace(stage.recipe, steps=int(json.loads(path.read_text("utf-8"))["steps"])))
        source = picture_source(spec, stage, material, data)
        pace = measure_pace(spec, network, stage, material, source)
        steps = max(1, int(self._course.minutes * 60 * pace / stage.recipe.batch))
        self._diary.note(f"{pace:.0f} images/s: {steps} steps in {self._course.minutes:g} minutes")
        with atomic_file(path) as file:
            file.write(json.dumps({"steps": steps, "images_per_s": round(pace, 1)}).encode())
        return replace(stage, recipe=replace(stage.recipe, steps=steps))

    def _is_finished(self, stage: Stage) -> bool:
        path = self._checkpoint(stage)
        if not path.exists():
            return False
        state = read_checkpoint(path)
        return int(state["step"]) >= recipe_from_json(state["recipe"]).steps

    def _checkpoint(self, stage: Stage) -> Path:
        return self._options.work / stage.name / "checkpoint.pt"

    def _stopped(self, stages: Sequence[Stage], stage: Stage, material: Material) -> int:
        """On a borrowed GPU, what there is so far is kept as a model, too: it is small enough to be brought home."""
        self._diary.note("stopped; the same command goes on from here")
        if self._course.on_device and stage == stages[-1]:
            self._ship(stages, material, self._options.work / "interim.safetensors")
        return STOPPED

    def _ship(self, stages: Sequence[Stage], material: Material, out: Path) -> int:
        self._diary.begin("ship")
        checkpoints = [self._checkpoint(stage) for stage in stages]
        reached, description = ship(self._spec, checkpoints, stages, material, out)
        self._diary.note(description)
        return FINISHED if reached else TOO_POOR


def device_name(asked: str) -> str:
    """Where to train, as torch calls it.

    Raises:
        DetectorError: There is no GPU.
    """
    if asked == "cuda" and not torch.cuda.is_available():
        raise DetectorError("There is no GPU here.", "Train with --device cpu.")
    return asked if asked != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
