"""Makes the version resource that Windows shows under Properties → Details, as text for PyInstaller. Pure.

``python -m tools.package.windows_version`` prints it; build.spec writes it to a file.
"""

from __future__ import annotations

import re
import sys

from tools.package.facts import NAME, VERSION

_US_ENGLISH, _UNICODE = 0x0409, 1200


def version_numbers(version: str) -> tuple[int, int, int, int]:
    """The four numbers Windows compares; what follows the release (rc1, .dev0) has no place in them."""
    release = re.match(r"\d+(\.\d+)*", version)
    numbers = [int(part) for part in release.group().split(".")] if release else []
    first, second, third, fourth = [*numbers[:4], 0, 0, 0, 0][:4]
    return first, second, third, fourth


def version_text(version: str = VERSION) -> str:
    """A ``VSVersionInfo`` as an expression, as `pyi-grab_version` would write it."""
    numbers = version_numbers(version)
    strings = {
        "CompanyName": "The ssd-viewer authors",
        "FileDescription": NAME,  # the name in the task manager and under "Open with"
        "FileVersion": version,
        "InternalName": NAME,
        "LegalCopyright": "The ssd-viewer authors. The package as a whole: GNU GPL, version 3",
        "OriginalFilename": f"{NAME}.exe",
        "ProductName": NAME,
        "ProductVersion": version,
    }
    lines = ",\n        ".join(f"StringStruct({name!r}, {value!r})" for name, value in strings.items())
    return f"""\
VSVersionInfo(
  ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}, mask=0x3F, flags=0x0, OS=0x40004, fileType=0x1),
  kids=[
    StringFileInfo([
      StringTable('{_US_ENGLISH:04X}{_UNICODE:04X}', [
        {lines},
      ])
    ]),
    VarFileInfo([VarStruct('Translation', [{_US_ENGLISH}, {_UNICODE}])])
  ]
)
"""


if __name__ == "__main__":
    sys.stdout.write(version_text())
