"""The command line's words for what helps: flags and commands in brackets after the hint they belong to."""

from __future__ import annotations

from collections.abc import Sequence

from detector.errors import ExplainedError, Remedy


def phrased(error: ExplainedError) -> str:
    """Returns the error's message and hint with the flags that help, as one line."""
    return f"{error.message} {with_flags(error.hint, error.remedies)}".strip()


def with_flags(hint: str, remedies: Sequence[Remedy]) -> str:
    """Returns ``hint`` with its remedies as flags, such as "Run it on the CPU (--device cpu)."."""
    flags = ", ".join(filter(None, map(_flag, remedies)))
    if not flags:
        return hint
    return f"{hint.removesuffix('.')} ({flags})." if hint else f"Try {flags}."


def _flag(remedy: Remedy) -> str:
    parts = []
    if remedy.command:
        parts.append(f"ssd-viewer {remedy.command}")
        if remedy.value and not remedy.option:
            parts.append(remedy.value)
    if remedy.option:
        flag = f"--{remedy.option}"
        parts.append(f"{'without ' if remedy.omit else ''}{flag} {remedy.value}".rstrip())
    return " ".join(parts)
