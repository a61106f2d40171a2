"""Published weights, fetched on request and never otherwise. Standard library only.

``fetch`` brings one file; ``verify_file`` judges one that came another way. Nothing here is imported by what lists,
describes or runs models.
"""

from __future__ import annotations

from detector.download.connection import DownloadStoppedError
from detector.download.download_progress import DownloadProgress, OnProgress
from detector.download.fetch import NetworkOptions, fetch, file_name
from detector.download.file_check import FetchedFile, Verified, verify_file

__all__ = [
    "DownloadProgress",
    "DownloadStoppedError",
    "FetchedFile",
    "NetworkOptions",
    "OnProgress",
    "Verified",
    "fetch",
    "file_name",
    "verify_file",
]
