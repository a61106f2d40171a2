"""Tries ``watch`` as a service: the unit under a real systemd, the Dockerfile by a real Docker. As root, on Debian.

    apt-get install debootstrap systemd-container docker.io
    make bundle && .venv/bin/python -m tools.package.try_service dist/ssd-viewer

Debian of this system's release is unpacked into build/try_service, once. It boots there in a container with the bundle
in /usr/local/lib, and is the image that Docker starts from: no registry is asked. Docker must run (DOCKER_HOST says
where). What is watched is the sample clip, as a camera on the loopback address.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.package.archive import SERVICE
from tools.package.service_lab import BUILD, Lines, Machine, camera, check, check_files, debian, output
from tools.package.try_parts import Trouble

UNIT_FILE, DOCKERFILE = SERVICE
UNIT = "ssd-viewer-watch@try"
STATE = Path("var/lib/private/ssd-viewer/try")
IMAGE = "ssd-viewer-try"
SECRET = "s3cretWord"
WATCH = "--model demo --on any --clips clips --record records --before 2s --after 2s --keep-free 1MB"
BEGAN = '"type": "began"'


# -- systemd --------------------------------------------------------------------------------------------------------


def set_up(root: Path, url: str) -> None:
    """Puts the unit and what it watches into the machine, to be started with it."""
    shutil.copy(UNIT_FILE, root / "etc/systemd/system")
    shutil.rmtree(root / STATE, ignore_errors=True)
    (root / "usr/local/bin/ssd-viewer").unlink(missing_ok=True)
    (root / "usr/local/bin/ssd-viewer").symlink_to("/usr/local/lib/ssd-viewer/ssd-viewer")
    secrets = root / "etc/ssd-viewer/try.secrets"
    secrets.mkdir(parents=True, exist_ok=True)
    (secrets / "camera").write_text(url.replace("http://", f"http://user:{SECRET}@") + "\n")
    (secrets / "camera").chmod(0o600)
    (secrets.parent / "try.conf").write_text(f"WATCH=@secret_camera {WATCH}\n")
    output("systemctl", "--root", root, "enable", UNIT)


def try_systemd(bundle: Path) -> Iterator[str]:
    """Starts with the machine, is ended, killed, misconfigured."""
    root = debian("machine", "systemd", "systemd-sysv", "dbus")
    with camera() as server:
        set_up(root, server.url)
        with Machine(root, bundle) as machine:
            with machine.lines(UNIT) as lines:
                lines.until(BEGAN)
            yield "started with the machine, and an event began"
            seen = output(*machine.inside("systemctl", "status", "--full", UNIT)) + output(
                *machine.inside("journalctl")
            )
            check(SECRET not in seen, "the password stands neither in the status nor in the journal")
            yield "the password stands neither in the status nor in the journal"

            output(*machine.inside("systemctl", "stop", UNIT))
            ended = machine.shown(UNIT, "Result", "ExecMainStatus")
            check(ended == ["success", "0"], f"stopped in good order, not {ended}")
            yield f"stopped in good order: {check_files(root / STATE)}"

            output(*machine.inside("systemctl", "start", UNIT))
            with machine.lines(UNIT) as lines:
                for _ in range(2):  # the first was above
                    lines.until(BEGAN)
                output(*machine.inside("systemctl", "kill", "--signal=KILL", UNIT))
                lines.until(BEGAN)
            check(machine.shown(UNIT, "NRestarts") == ["1"], "it was started anew once")
            output(*machine.inside("systemctl", "stop", UNIT))
            yield f"killed and started anew: {check_files(root / STATE)}"

            (root / "etc/ssd-viewer/try.conf").write_text("WATCH=camera:0 --no-such-option\n")
            subprocess.run(machine.inside("systemctl", "start", "--wait", UNIT), capture_output=True, check=False)
            ended = machine.shown(UNIT, "ActiveState", "ExecMainStatus", "NRestarts")
            check(ended == ["failed", "2", "0"], f"wrong options are not tried again, {ended}")
            yield "wrong options are not tried again"


# -- Docker ---------------------------------------------------------------------------------------------------------


def try_docker(bundle: Path) -> Iterator[str]:
    """Builds the image, watches, is well and not well, is stopped."""
    root = debian("base")
    output("sh", "-c", f'tar -C "$0" -c . | docker import - {IMAGE}-base', root)
    output("docker", "build", "--build-arg", f"BASE={IMAGE}-base", "-f", DOCKERFILE, "-t", IMAGE, bundle)
    yield "built"
    with camera() as server, tempfile.TemporaryDirectory() as data:
        options = ["--detach", "--init", "--stop-timeout=90", "--network=host", f"--volume={data}:/data"]
        options += ["--user", str(os.getuid())]
        container = output("docker", "run", *options, IMAGE, server.url, *WATCH.split()).strip()
        try:
            with Lines("docker", "logs", "--follow", container) as lines:
                lines.until(BEGAN)
            yield "an event began"
            with Lines("docker", "events", "--since=10m", f"--filter=container={container}") as lines:
                lines.until("health_status: healthy")
                yield "is healthy"
                server.stall()
                lines.until("health_status: unhealthy")
                yield "is unhealthy while nothing comes"
            output("docker", "stop", container)
            code = output("docker", "inspect", "--format={{.State.ExitCode}}", container).strip()
            check(code == "0", f"stopped in good order, not with {code}")
            yield f"stopped in good order: {check_files(Path(data))}"
        finally:
            output("docker", "rm", "--force", container)


PARTS = {"systemd": try_systemd, "docker": try_docker}


def main(arguments: list[str] | None = None) -> int:
    """Tries both; one that fails does not keep the other from being tried."""
    parser = argparse.ArgumentParser(prog="python -m tools.package.try_service", description=__doc__)
    parser.add_argument("bundle", type=Path, help="a folder made by `make bundle`")
    parser.add_argument("--only", choices=PARTS, help="one of the two")
    options = parser.parse_args(arguments)
    if os.geteuid() or not (options.bundle / "ssd-viewer").is_file():
        print("As root, and with a bundle: `make bundle` makes one.", file=sys.stderr)
        return 1
    BUILD.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in [options.only] if options.only else PARTS:
        try:
            for line in PARTS[name](options.bundle.resolve()):
                print(f"{name}: {line}", flush=True)
        except (Trouble, OSError, subprocess.SubprocessError) as error:
            failed += 1
            print(f"{name}: FAILED: {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
