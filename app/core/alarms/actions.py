"""Ways to tell: a command, a web address, a desktop notification. Each blocks; used on the delivery's threads.

What fails is said without addresses, arguments and answers: they may hold passwords.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from app.core.addresses import as_understood
from app.core.alarms.message import BEGAN, CLIP, ENDED, NO_CLIP, AlarmMessage, check_placeholders
from app.core.errors import AppError

COMMAND_LIMIT_S = 60.0
_POST_LIMIT_S = 15.0


class AlarmError(AppError):
    """An alarm could not be sent.

    Args:
        message: Why, one line, without secrets.
        may_try_again: Whether it may go through later.
    """

    def __init__(self, message: str, may_try_again: bool = True) -> None:
        super().__init__(message)
        self.may_try_again = may_try_again


def address_parts(url: str, schemes: Collection[str], message: str) -> SplitResult:
    """Splits an address of somebody to tell, whose password may hold a bare / ? # or @.

    Args:
        url: As it was typed.
        schemes: Which it may have.
        message: What is said of any other; without the address, as all that is said here.

    Raises:
        AppError: It is no such address, or nobody knows where its password ends.
    """
    refused = AppError(message, "Write the address whole, and / @ [ in a password as %2F %40 %5B.")
    try:
        parts = urlsplit(as_understood(url))
        if parts.scheme not in schemes or not parts.hostname or parts.port == 0:
            raise refused
    except ValueError:  # it repeats a part of the password
        raise refused from None
    if ":" in parts.netloc and any("@" in part for part in parts[2:]):  # host:1/path@x, or user:1/password@host
        raise AppError("It is not clear what is the password.", "Write / in a password as %2F, and @ in a path as %40.")
    return parts


class Action(Protocol):
    """One way to tell.

    Attributes:
        key: By which rules name it.
        name: For people.
    """

    key: str
    name: str

    def wants(self, message: AlarmMessage) -> bool:
        """Returns whether this is to be told."""
        ...

    def send(self, message: AlarmMessage) -> None:
        """Tells it.

        Raises:
            AlarmError: It could not be told.
        """
        ...


class CommandAction:
    """Runs a program for each event; no shell reads what it is given.

    Args:
        arguments: The program and its arguments, with placeholders.
        limit_s: It is killed after so long, with what it started.

    Raises:
        AppError: There is no such program or placeholder.
    """

    key = "command"
    name = "The command"

    def __init__(self, arguments: Sequence[str], limit_s: float = COMMAND_LIMIT_S) -> None:
        check_placeholders(arguments)
        program = shutil.which(arguments[0]) if arguments else None
        if program is None:
            raise AppError("The command for events is not found.", "Name a program that is installed, or its path.")
        self._arguments = [program, *arguments[1:]]
        self._limit_s = limit_s
        self._takes_clip = any("{clip}" in argument for argument in arguments)

    def wants(self, message: AlarmMessage) -> bool:
        """See ``Action``; a command that is given the clip waits for it, and is given "" where there is none."""
        waits = self._takes_clip and message.awaits_clip
        return message.moment in ((CLIP, NO_CLIP) if waits else (BEGAN,))

    def send(self, message: AlarmMessage) -> None:
        """See ``Action``."""
        try:
            process = subprocess.Popen(
                message.filled(self._arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "its arguments cannot be given"
            raise AlarmError(f"The command did not start: {reason}.", may_try_again=False) from None
        try:
            code = process.wait(self._limit_s)
        except subprocess.TimeoutExpired:
            _kill(process)
            raise AlarmError(f"The command was killed after {self._limit_s:g} s.", may_try_again=False) from None
        if code:
            raise AlarmError(f"The command failed with code {code}.", may_try_again=False)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # its own session, so also what it started
    process.wait()


class PostAction:
    """Sends each event as JSON to a web address.

    Args:
        url: http or https; user and password in it are told to that server alone.

    Raises:
        AppError: It is no web address.
    """

    key = "post"
    name = "The web address"

    def __init__(self, url: str) -> None:
        parts = address_parts(url, ("http", "https"), "Events are posted to http:// or https:// addresses.")
        login, _, place = parts.netloc.rpartition("@")
        self._url = urlunsplit(parts._replace(netloc=place))
        self._root = f"{parts.scheme}://{place}/"
        user, _, password = login.partition(":")
        self._login = (unquote(user), unquote(password)) if login else None

    def wants(self, message: AlarmMessage) -> bool:
        """See ``Action``."""
        return message.moment in (BEGAN, ENDED, CLIP)

    def send(self, message: AlarmMessage) -> None:
        """See ``Action``."""
        from app.core.media.certificates import Certificates
        from app.core.media.web_client import WebClient

        client = WebClient(Certificates())
        if self._login is not None:
            client.add_login(self._root, *self._login)
        try:
            client.request(self._url, None, _POST_LIMIT_S, _POST_LIMIT_S, message.as_json()).close()
        except urllib.error.HTTPError as error:
            busy = error.code in (408, 425, 429) or error.code >= 500
            raise AlarmError(f"The web address answered {error.code}.", may_try_again=busy) from None
        except AppError:
            raise AlarmError("The web address has a certificate that is not trusted.", may_try_again=False) from None
        except TimeoutError:
            raise AlarmError("The web address did not answer in time.") from None
        except (OSError, ValueError):
            raise AlarmError("The web address cannot be reached.") from None


class NotifyAction(CommandAction):
    """Shows a notification on the desktop.

    Raises:
        AppError: Nothing on this computer can.
    """

    key = "notify"
    name = "The notification"

    def __init__(self) -> None:
        words = ("{label}", "{source}")
        if sys.platform == "darwin":
            script = "on run a\ndisplay notification (item 2 of a) with title (item 1 of a)\nend run"
            arguments: Sequence[str] = ("osascript", "-e", script, *words)
        else:
            arguments = ("notify-send", "--app-name=ssd-viewer", "--icon={snapshot}", "--", *words)
        if shutil.which(arguments[0]) is None:
            raise AppError(
                "This computer has no program that shows notifications.",
                "Install notify-send (libnotify), or leave out the notifications.",
            )
        super().__init__(arguments, limit_s=10.0)

    def send(self, message: AlarmMessage) -> None:
        """See ``Action``."""
        super().send(replace(message, label=message.headline, source=message.where_and_when))
