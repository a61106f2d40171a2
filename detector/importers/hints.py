"""What to do, in words that several readers of files share."""

from __future__ import annotations

FETCH_AGAIN = "Fetch the file again."
ONLY_DETECTORS = "Only detectors made of the usual operators can be used; nothing was loaded."
