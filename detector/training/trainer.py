"""A training under way: network, optimiser, average, and how far it is. Everything on the thread that calls it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from detector.errors import DetectorError
from detector.models.build import build_network
from detector.models.ssd import SSD
from detector.spec import InputSpec, ModelSpec
from detector.training.batches import Batch
from detector.training.ema import Ema
from detector.training.loss import Losses, MultiBoxLoss
from detector.training.matcher import Matcher
from detector.training.order import Pick
from detector.training.processes import Processes, mean_of, parallel, share_batch_norm
from detector.training.recipe import Recipe
from detector.training.schedule import Schedule, make_optimiser, set_rate
from detector.training.step_clock import StepClock


def new_network(spec: ModelSpec, recipe: Recipe) -> nn.Module:
    """The network of ``spec`` with the first weights of ``recipe``, in float32 on the CPU.

    Raises:
        DetectorError: As ``build_network``.
    """
    torch.manual_seed(recipe.seed)
    network = build_network(spec)
    if not (recipe.batch_norm and isinstance(network, SSD)):
        return network
    assert spec.config is not None  # build_network saw to it
    torch.manual_seed(recipe.seed)
    config = spec.config
    return SSD(config.image_size[0], len(spec.labels) + 1, config.boxes_per_cell, width=spec.width, batch_norm=True)


class Criterion(Protocol):
    """The losses that a training makes smaller, on the trainer's device."""

    def __call__(self, images: Tensor, locs: Tensor, logits: Tensor, batch: Batch) -> Losses:
        """Compare a prediction with what it should be.

        Args:
            images: Float32[B, 3, H, W], the network's input.
            locs: Float[B, P, 4], predicted offsets.
            logits: Float[B, P, C], background first.
            batch: What the images show.
        """


class MultiBoxCriterion:
    """The paper's equation 1.

    Args:
        matcher: Gives objects to default boxes.
        box_weight: Of the localisation term; the paper's alpha.
    """

    def __init__(self, matcher: Matcher, box_weight: float = 1.0) -> None:
        self._matcher = matcher
        self._loss = MultiBoxLoss()
        self._box_weight = box_weight

    def __call__(self, images: Tensor, locs: Tensor, logits: Tensor, batch: Batch) -> Losses:
        """See ``Criterion``."""
        losses = cast(Losses, self._loss(locs, logits, self._matcher(batch.boxes_xyxy, batch.class_ids)))
        return losses._replace(localisation=self._box_weight * losses.localisation)


@dataclass(frozen=True, slots=True)
class StepLosses:
    """The average losses of the steps since the last look.

    Attributes:
        steps: How many they were.
        localisation: First term of the paper's equation 1.
        confidence: Second term.
    """

    steps: int
    localisation: float
    confidence: float


class Trainer:
    """Takes steps.

    Args:
        spec: What is trained.
        network: Of ``new_network``, perhaps with weights from elsewhere; taken over.
        recipe: How.
        device: Where.
        processes: With whom.
        bf16: Compute the network in bfloat16 where that is safe; weights, loss and optimiser stay in float32.
        criterion: What the steps make smaller; None for the paper's equation 1.
        slow: Parameters whose names begin so are learnt at ``slowness`` times the recipe's rate.
        slowness: See ``slow``.
    """

    def __init__(
        self,
        spec: ModelSpec,
        network: nn.Module,
        recipe: Recipe,
        device: torch.device,
        processes: Processes = Processes(),  # noqa: B008 # frozen
        *,
        bf16: bool = False,
        criterion: Criterion | None = None,
        slow: Sequence[str] = (),
        slowness: float = 1.0,
    ) -> None:
        assert spec.config is not None  # build_network saw to it
        self.spec = spec
        self.recipe = recipe
        self.device = device
        self.processes = processes
        self.step = 0
        self.clock = StepClock(device)
        self.network: nn.Module = network.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]  # torch's stub lacks this form
        share_batch_norm(self.network, processes, device)
        self.ema = Ema(self.network, recipe.ema) if recipe.ema else None
        self.optimiser = make_optimiser(
            self.network, recipe.optimiser, recipe.momentum, recipe.weight_decay, slow, slowness
        )
        self._schedule = Schedule(recipe.rate, recipe.steps, recipe.shape, recipe.warmup)
        self._bf16 = bf16
        self._parallel = parallel(self.network, processes, device)
        self._criterion = criterion or MultiBoxCriterion(Matcher(spec.config, device), recipe.box_weight)
        self._normalise = Normaliser(spec.input, device)
        self._unseen: list[tuple[Sequence[Pick], Tensor]] = []

    @property
    def rate(self) -> float:
        """Learning rate of the next step."""
        return self._schedule.rate(self.step)

    def advance(self, batch: Batch) -> None:
        """Take one step. What it cost is known after ``settle``."""
        self.clock.mark("wait")
        set_rate(self.optimiser, self.rate)
        images = self._normalise(batch.images_bgr)
        self.clock.mark("prepare")
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._bf16):
            locs, logits = self._parallel(images)
        self.clock.mark("forward")
        losses = self._criterion(images, locs, logits, batch)
        self.clock.mark("loss")
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(losses.localisation + losses.confidence)
        self.clock.mark("backward")
        if self.recipe.clip_norm:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        self.optimiser.step()
        if self.ema is not None:
            self.ema.update(self.network, self.step)
        self.clock.mark("update")
        self._unseen.append((batch.picks, torch.stack((losses.localisation, losses.confidence)).detach()))
        self.step += 1

    def settle(self) -> StepLosses:
        """Look at the costs since the last look; waits for the device. All processes must call it.

        Raises:
            DivergedError: A cost of some process is not finite; all raise it. The weights are spoilt.
        """
        if not self._unseen:
            return StepLosses(0, 0.0, 0.0)
        costs = mean_of(torch.stack([cost for _, cost in self._unseen]), self.processes)  # [steps, 2]
        wrong = (~torch.isfinite(costs)).any(dim=1).tolist()
        if any(wrong):
            at = wrong.index(True)
            raise DivergedError(self.step - len(self._unseen) + at, self._unseen[at][0])
        localisation, confidence = costs.mean(dim=0).tolist()
        steps = len(self._unseen)
        self._unseen.clear()
        return StepLosses(steps, localisation, confidence)

    def is_sound(self) -> bool:
        """Tells if every weight is finite. A step of finite cost may have spoilt them: that shows in the next cost."""
        values = (value for value in self.network.state_dict().values() if value.is_floating_point())
        return all(bool(torch.isfinite(value).all()) for value in values)

    def state(self) -> dict[str, Any]:
        """Everything that a checkpoint needs; tensors are the live ones."""
        return {
            "step": self.step,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "ema": self.ema.values if self.ema is not None else {},
            "random": torch.get_rng_state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from the ``state`` of a trainer of the same spec and recipe."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.ema is not None:
            self.ema.load(state["ema"])
        torch.set_rng_state(state["random"].cpu())
        self.step = int(state["step"])

    def result(self) -> nn.Module:
        """A copy of the network as it would be used now: averaged where there is an average, normalisation folded."""
        network: nn.Module = copy.deepcopy(self.network)
        if self.ema is not None:
            network.load_state_dict(self.ema.values)
        network.eval().requires_grad_(False)
        if isinstance(network, SSD):
            network.fold_batch_norm()
        return network


class DivergedError(DetectorError):
    """The loss became infinite or no number.

    Args:
        step: Number of the step, from 0.
        picks: What it learnt from.
    """

    def __init__(self, step: int, picks: Sequence[Pick]) -> None:
        super().__init__(
            f"The loss of step {step + 1} is not a number.", "Lower the learning rate, or limit the gradient's length."
        )
        self.step = step
        self.picks = picks


class Normaliser:
    """Pixels to the network's input, as the detectors do it for frames.

    Args:
        spec: The network's input convention.
        device: Where images are.
    """

    def __init__(self, spec: InputSpec, device: torch.device) -> None:
        self._swap = spec.channels == "rgb"
        self._mean = torch.tensor(spec.mean, device=device)[:, None, None]
        self._scale = 1 / torch.tensor(spec.std, device=device)[:, None, None]

    def __call__(self, images_bgr: Tensor) -> Tensor:
        """[B, 3, H, W] in 0..255, BGR -> Float32[B, 3, H, W], channels last in memory."""
        images = images_bgr.flip(1) if self._swap else images_bgr
        # A flipped batch is a copy already; any other is the caller's.
        own = images.to(torch.float32, memory_format=torch.channels_last, copy=not self._swap)
        return own.sub_(self._mean).mul_(self._scale)


def fill_colour(spec: InputSpec) -> tuple[float, float, float]:
    """Returns the BGR colour, 0..255, around a zoomed out image: the input's mean, which the network sees as zero."""
    first, second, third = spec.mean
    return (third, second, first) if spec.channels == "rgb" else spec.mean
