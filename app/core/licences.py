"""The licences of everything this program is made of, read from the installed packages. Pure reading; any thread.

A packaged program carries the page as a file, written by build.spec with ``licences_page`` when it was made.
"""

from __future__ import annotations

import platform
import re
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from detector.bundled_files import bundled_path

PAGE = "LICENCES.txt"
_MODEL = "everyday.LICENSE.txt"
TORCH = ("torch", "torchvision")
ROOTS = (
    "PySide6-Essentials",
    "av",
    "cv2-enumerate-cameras",
    "mss",
    "numpy",
    "opencv-python-headless",
    "openvino",
    "platformdirs",
    *TORCH,
    "tqdm",
)
"""What the program needs; what these need follows."""

_TERMS = """\
ssd-viewer itself is under the MIT licence; so are the model "demo", the sample clip and the icons, which are its
authors' own work.

The model "everyday" is under the Apache License 2.0 and not under MIT: initialised from ssdlite_mobilenet_v2_coco,
© The TensorFlow Authors, Apache-2.0, trained on COCO; what was changed, and the licence, stand below. The images it
was trained on, of PASCAL VOC and COCO, are not bundled; each is under the terms of its owner.

The packaged program as a whole is under the GNU General Public License, version 3. PyAV brings FFmpeg with the video
encoders x264 and x265, which are under the GPL (version 2 or later); OpenVINO and OpenCV are under the Apache License
2.0, and Qt and PySide6 under the LGPL 3; version 3 of the GPL is the one that allows all of them together.

You may use it for anything, study it, change it and pass it on. Who passes it on has to do so under the same terms and
to offer the sources, too: those of ssd-viewer, of the versions listed here (of Python packages on pypi.org, of Debian
packages on sources.debian.org), and of the FFmpeg that PyAV is built with (github.com/PyAV-Org/pyav-ffmpeg).

Qt, PySide6, FFmpeg and the other libraries under the LGPL are separate files in the folder of the program. You may
replace them by versions of your own with the same interface, and take the program apart to find faults in that.
There is no warranty for any of this; the texts below say so at length.
"""
_TERMS_FULL = """
This is the full version. It also contains NVIDIA's CUDA libraries, under NVIDIA's own terms. The GPL does not allow
passing both on together: make it for your own use, and pass on the lean version.
"""
_MAKER = "pyinstaller"
_FILE = re.compile(r"(^|/)(licen[cs]e|copying|notice|.*third[-_]party[-_]programs)[^/]*$", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_CITED = re.compile(r"/usr/share/common-licenses/([A-Z][A-Za-z]*(?:-[0-9]+(?:\.[0-9]+)*)?)")
_COMMON = Path("/usr/share/common-licenses")  # Debian and its kin; elsewhere the names above have to do


@dataclass(frozen=True, slots=True)
class Part:
    """Something shipped that is no Python package.

    Attributes:
        title: What it is called.
        licence: Its licence's name, or several.
        origin: Where it, or its source, comes from.
        text: The licence's words; empty where only its name is known.
    """

    title: str
    licence: str
    origin: str
    text: str = ""


def shown_licences() -> str:
    """The page: the one in the packaged program, else made of what is installed."""
    try:
        return bundled_path(PAGE).read_text("utf-8")
    except OSError:
        return licences_page(full=False, packaged=False)


def licences_page(full: bool, packaged: bool = True, parts: Sequence[Part] = (), packages: Iterable[str] = ()) -> str:
    """Terms of the whole, then each package with its version and the licence texts it carries.

    Args:
        full: The packaged program has torch and CUDA.
        packaged: For a packaged program; else for an installation, where torch is listed if it is there.
        parts: What the packaged program contains that is no Python package (tools/package/attribution.py finds it).
        packages: Those it contains besides what is always needed.
    """
    page = [_TERMS + (_TERMS_FULL if full else "")]
    roots = [name for name in ROOTS if full or not packaged or name not in TORCH]
    listed = _with_needs([*roots, *packages])
    page.append(f"Python {platform.python_version()}: PSF-2.0")
    page[-1] += "".join(f"\n{name} {package.version}: {_licence(package)}" for name, package in listed)
    if parts:
        page.append("Libraries that these bring along, and of the system the package was made on:")
        page[-1] += "".join(f"\n{part.title}: {part.licence} ({part.origin})" for part in parts)
    python = Path(sysconfig.get_path("stdlib"), "LICENSE.txt")
    page += [_section("Python", _read(python))] if python.is_file() else []
    model = bundled_path("weights", _MODEL)
    page += [_section('The model "everyday"', _read(model))] if model.is_file() else []
    if packaged:  # the program's first step is PyInstaller's
        listed = [*listed, *_with_needs([_MAKER], alone=True)]
    for name, package in listed:
        page += [_section(f"{name}, {file.name}", _read(file)) for file in _texts(package)]
    page += _sections(parts)
    cited = {"GPL-3", "LGPL-3"}.union(*(_CITED.findall(part.text) for part in parts))
    common = {(_COMMON / name).resolve() for name in cited}  # "GPL" is a link to the newest
    page += [_section(file.name, _read(file)) for file in sorted(common) if file.is_file()]
    return "\n\n".join(part.strip() for part in page) + "\n"


def _sections(parts: Sequence[Part]) -> list[str]:
    """Their texts, one that several share once."""
    titles: dict[str, list[str]] = {}
    for part in parts:
        if part.text:
            titles.setdefault(part.text, []).append(part.title)
    return [_section(", ".join(names), text) for text, names in titles.items()]


def _with_needs(roots: list[str], alone: bool = False) -> list[tuple[str, Distribution]]:
    """The packages and, unless ``alone``, all they need, as far as installed, by name."""
    found: dict[str, Distribution] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in found:
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        found[key] = package
        needs = [need for need in package.requires or () if "extra ==" not in need and not alone]
        waiting += [match.group() for need in needs if (match := _NAME.match(need))]
    return sorted((package.metadata["Name"], package) for package in found.values())


def _licence(package: Distribution) -> str:
    for field in ("License-Expression", "License"):
        words = (package.metadata.get_all(field) or [""])[0].strip()
        if words:
            return str(words.splitlines()[0])
    classifiers = [str(line) for line in package.metadata.get_all("Classifier") or ()]
    said = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License ::")]
    return ", ".join(said) or "see its texts below"


def _texts(package: Distribution) -> list[Path]:
    """The licence files it installed with its description, whatever is beside them in its own folders."""
    listed = [file for file in package.files or () if ".dist-info/" in str(file) and _FILE.search(str(file))]
    paths = [Path(str(file.locate())) for file in listed if file.suffix not in (".py", ".pyc")]
    return [path for path in paths if path.is_file()]


def _read(file: Path) -> str:
    return file.read_text("utf-8", errors="replace")


def _section(title: str, text: str) -> str:
    return f"{'=' * 80}\n{title}\n{'=' * 80}\n\n{text.strip()}"
