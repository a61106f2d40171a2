"""Run as a program by Paddle's own runtime: the table that a model gives for an image.

``python paddle_model.py model.pdmodel model.pdiparams inputs.npz answer.npy``
"""

from __future__ import annotations

import sys

import numpy as np


def main() -> None:
    """Writes the first output."""
    from paddle import inference  # type: ignore[import-not-found]  # a runtime that the tests do without

    program, weights, inputs, answer = sys.argv[1:]
    config = inference.Config(program, weights)
    config.disable_gpu()
    config.switch_ir_optim(False)
    predictor = inference.create_predictor(config)
    for name, values in np.load(inputs).items():
        predictor.get_input_handle(name).copy_from_cpu(values)
    predictor.run()
    np.save(answer, predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu())


if __name__ == "__main__":
    main()
