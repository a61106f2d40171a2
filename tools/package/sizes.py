"""Lists what takes up space in a bundle: ``python -m tools.package.sizes dist/ssd-viewer``."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

MEGABYTE = 1_000_000


def sizes(bundle: Path) -> tuple[Counter[str], Counter[str]]:
    """Bytes by package (first folder inside the bundle's own, or the file) and by file; a link takes none."""
    packages: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for path in bundle.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        parts = path.relative_to(bundle).parts
        inside = parts[1:] if parts[0] == "_internal" and len(parts) > 1 else parts
        taken = path.stat().st_size
        packages[inside[0]] += taken
        files["/".join(inside)] += taken
    return packages, files


def main(arguments: list[str] | None = None) -> int:
    """Print the largest; 1 when there is no such bundle."""
    parser = argparse.ArgumentParser(prog="python -m tools.package.sizes", description=__doc__)
    parser.add_argument("bundle", type=Path, help="a folder made by `make bundle`")
    parser.add_argument("--rows", type=int, default=25, help="how many of each (default %(default)s)")
    options = parser.parse_args(arguments)
    if not options.bundle.is_dir():
        print(f"There is no folder {options.bundle}. `make bundle` makes one.", file=sys.stderr)
        return 1
    packages, files = sizes(options.bundle)
    print(f"{packages.total() / MEGABYTE:8.1f} MB  in all, {len(files)} files")
    for heading, counted in (("by package", packages), ("by file", files)):
        print(f"\n{heading}")
        for name, taken in counted.most_common(options.rows):
            print(f"{taken / MEGABYTE:8.1f} MB  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
