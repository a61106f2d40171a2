PYTHON ?= python3
ARGS ?=
DIST ?= dist
WORK ?= build

.PHONY: run test check env bundle try-bundle release train-everyday performance

run: ## open the window (ARGS="--camera 0"); without a display, annotate the sample clip
	@$(PYTHON) tools/bootstrap.py run $(ARGS)

test: ## the whole suite, offscreen and on a virtual screen
	@$(PYTHON) tools/bootstrap.py test $(ARGS)

env: ## the development environment only
	@$(PYTHON) tools/bootstrap.py env

check: env ## lint, types, import rules
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

bundle: env ## the packaged program in dist/ssd-viewer (SSD_VIEWER_BUNDLE=full: with PyTorch and CUDA)
	@PYTHONPATH=build/small_opencv .venv/bin/pyinstaller --noconfirm --log-level WARN --distpath $(DIST) --workpath $(WORK) build.spec
	@.venv/bin/python -m tools.package.sizes $(DIST)/ssd-viewer

try-bundle: env ## uses the packaged program: self-test, window, export, evaluation, foreign weights; size and start
	@.venv/bin/python -m tools.package.try_bundle $(DIST)/ssd-viewer $(ARGS)

release: env ## archive, wheel, sources and sums in dist/release, from a clean checkout (ARGS=--trial: from any)
	@.venv/bin/python -m tools.package.release $(ARGS)

train-everyday: env ## our detector of the 80 COCO classes, fine-tuned from a public start; goes on where it stopped (ARGS="--minutes 60")
	@.venv/bin/python -m tools.everyday.train $(ARGS)

performance: env ## measures everything in docs/performance.md and writes its tables; half an hour alone on the computer
	@.venv/bin/python -m tools.measure.tables $(ARGS)
