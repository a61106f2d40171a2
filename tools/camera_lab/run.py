"""A real camera where there is none: QEMU boots Debian's kernel, whose test driver ``vivid`` is a Video4Linux camera,
and ``guest.py`` runs the app's own camera code against it, plugging and unplugging as it goes.

The machine inside sees this computer's file system read-only, so it runs the same Python and the same packages. Needs
``qemu-system-x86`` and ``busybox-static``; the kernel comes from this system or, where that has no ``vivid``, from
Debian's package, which is unpacked into ``build/`` and not installed. No network inside, nothing written outside
``build/camera_lab``.

    .venv/bin/python tools/camera_lab/run.py
"""

from __future__ import annotations

import argparse
import lzma
import platform
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "camera_lab"
LOOPBACK = BUILD / "v4l2loopback.ko"  # not of Debian's kernel package: docs/cameras.md
MODULES = ("virtio_pci", "9pnet_virtio", "9p", "vivid")
INSIDE = "/run/lab"  # where vivid.py finds busybox and the driver; /run is memory inside

INIT = """#!/bin/busybox sh
export PATH=/bin
for place in proc sys dev new; do busybox mkdir -p /$place; done
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
while read module; do busybox insmod /lab/$module.ko || echo "LAB cannot load $module"; done < /lab/order
busybox mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=524288 host /new || echo "LAB no host files"
busybox mount -t tmpfs memory /new/run
busybox mkdir -p @INSIDE@
busybox cp -r /lab/. /new@INSIDE@/
busybox cp /bin/busybox /new@INSIDE@/
for place in proc sys dev; do busybox mount -o move /$place /new/$place; done
export HOME=/run TMPDIR=/run PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
busybox chroot /new /bin/sh -c 'cd "$0" && exec "$@"' '@ROOT@' '@PYTHON@' tools/camera_lab/@GUEST@ 2>&1
busybox poweroff -f
"""


def main(arguments: list[str] | None = None) -> int:
    """Boot, show what the checks say, return 0 when all passed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--kernel", type=Path, help="folder with boot/vmlinuz-* and lib/modules/*")
    parser.add_argument("--watch", action="store_true", help="put `ssd-viewer watch` to the test instead")
    parser.add_argument("--minutes", type=float, default=15.0, help="give up after this long")
    options = parser.parse_args(arguments)
    if platform.machine() != "x86_64":
        print("only on x86-64: the machine inside runs this computer's Python", file=sys.stderr)
        return 2
    for tool in ("qemu-system-x86_64", "busybox"):
        if shutil.which(tool) is None:
            print(f"{tool} is missing: apt-get install qemu-system-x86 busybox-static", file=sys.stderr)
            return 2
    BUILD.mkdir(parents=True, exist_ok=True)
    kernel, modules = find_kernel(options.kernel)
    start_disk = BUILD / "start.cpio"
    start_disk.write_bytes(archive(start_files(modules, "guest_watch.py" if options.watch else "guest.py")))
    return boot(kernel, start_disk, options.minutes * 60)


# -- the kernel -----------------------------------------------------------------------------------------------------


def find_kernel(given: Path | None) -> tuple[Path, Path]:
    """The kernel image, and the folder of its modules."""
    own = BUILD / "kernel"
    for place in [given] if given is not None else [Path("/"), own]:
        for modules in sorted(place.glob("lib/modules/*"), reverse=True):
            image = place / "boot" / f"vmlinuz-{modules.name}"
            if image.is_file() and any(modules.rglob("vivid.ko*")):
                return image, modules
    if given is not None:
        raise SystemExit(f"{given} holds no kernel with the vivid driver")
    print("fetching Debian's kernel package (not installing it)")
    needs = subprocess.run(["apt-cache", "depends", "linux-image-amd64"], check=True, capture_output=True, text=True)
    package = re.search(r"Depends: (linux-image-\S+)", needs.stdout)
    if package is None:
        raise SystemExit("apt knows no linux-image-amd64; give --kernel")
    subprocess.run(["apt-get", "download", package[1]], check=True, cwd=BUILD)
    (file,) = BUILD.glob(f"{package[1]}_*.deb")
    subprocess.run(["dpkg-deb", "-x", file, own], check=True)
    file.unlink()
    return find_kernel(own)


def module_bytes(file: Path) -> bytes:
    """A kernel module, unpacked."""
    content = file.read_bytes()
    return lzma.decompress(content) if file.suffix == ".xz" else content


def with_needs(modules: Path, wanted: Iterable[str]) -> dict[str, bytes]:
    """The wanted modules and all that they need, in the order to load them."""
    files = {file.name.split(".ko")[0].replace("-", "_"): file for file in modules.rglob("*.ko*")}
    ordered: dict[str, bytes] = {}

    def add(name: str) -> None:
        if name in ordered or name not in files:  # what is no file is built into the kernel
            return
        content = module_bytes(files[name])
        needs = re.search(rb"\0depends=([^\0]*)\0", content)
        for need in needs[1].decode().split(",") if needs else ():
            add(need.replace("-", "_"))
        ordered[name] = content

    for name in wanted:
        add(name)
    return ordered


# -- what it starts from --------------------------------------------------------------------------------------------


def start_files(modules: Path, guest: str) -> dict[str, bytes]:
    """The files of the first file system, in memory; ``guest`` is what runs inside."""
    needed = with_needs(modules, MODULES)
    init = INIT.replace("@INSIDE@", INSIDE).replace("@ROOT@", str(ROOT)).replace("@PYTHON@", sys.executable)
    init = init.replace("@GUEST@", guest)
    busybox = shutil.which("busybox")
    assert busybox is not None
    files = {"init": init.encode(), "bin/busybox": Path(busybox).read_bytes()}
    files |= {f"lab/{name}.ko": content for name, content in needed.items()}
    if LOOPBACK.exists():
        files["lab/v4l2loopback.ko"] = LOOPBACK.read_bytes()
    files["lab/order"] = "".join(f"{name}\n" for name in needed if name != "vivid").encode()  # guest.py plugs that in
    return files


def archive(files: dict[str, bytes]) -> bytes:
    """A cpio archive ("newc", the kernel's own) of ``files`` and their folders."""
    folders = sorted({str(parent) for name in files for parent in Path(name).parents if str(parent) != "."})
    entries = [(name, 0o040755, b"") for name in folders]
    entries += [(name, 0o100755, content) for name, content in files.items()]
    parts: list[bytes] = []
    for number, (name, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        numbers = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % value for value in numbers) + name.encode() + b"\0"
        parts += [head, bytes(-len(head) % 4), content, bytes(-len(content) % 4)]
    return b"".join(parts)


# -- running --------------------------------------------------------------------------------------------------------


def boot(kernel: Path, start_disk: Path, limit_s: float) -> int:
    """Run the machine to its end; everything it says goes to ``console.txt``, the lines of the checks are shown."""
    share = "local,path=/,mount_tag=host,readonly=on,security_model=none,multidevs=remap"
    # An emulated processor takes a whole real one; let others go first.
    command = ["nice", "-n", "10", "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "1536", "-smp", "1"]
    command += ["-nographic", "-no-reboot", "-nic", "none", "-virtfs", share]
    command += ["-kernel", str(kernel), "-initrd", str(start_disk), "-append", "console=ttyS0 quiet panic=-1"]
    pipe = subprocess.PIPE
    machine = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.STDOUT)
    watch = threading.Timer(limit_s, machine.kill)
    watch.start()
    verdict = None
    assert machine.stdout is not None
    with (BUILD / "console.txt").open("wb") as console:
        for line in machine.stdout:
            console.write(line)
            console.flush()
            _, mark, said = line.decode(errors="replace").rstrip().partition("LAB ")
            if mark:
                print(said, flush=True)
                verdict = re.fullmatch(r"(\d+) passed, (\d+) failed", said) or verdict
    watch.cancel()
    machine.wait()
    if verdict is None:
        print(f"the machine ended without a verdict; see {BUILD / 'console.txt'}", file=sys.stderr)
        return 1
    return 0 if verdict[2] == "0" else 1


if __name__ == "__main__":
    sys.exit(main())
