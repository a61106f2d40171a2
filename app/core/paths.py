"""Where things of the user's live: settings, models, caches, logs, finished files. Pure; creates nothing."""

from __future__ import annotations

from pathlib import Path

import platformdirs

APP = "ssd-viewer"


def settings_file() -> Path:
    """The settings, one JSON file."""
    return platformdirs.user_config_path(APP, appauthor=False, roaming=True) / "settings.json"


def trusted_certificates_file() -> Path:
    """Fingerprints of the cameras' certificates that the user trusts."""
    return platformdirs.user_config_path(APP, appauthor=False, roaming=True) / "trusted_certificates.json"


def stream_logins_file() -> Path:
    """Addresses of streams with their passwords, for the user's eyes only."""
    return platformdirs.user_config_path(APP, appauthor=False, roaming=True) / "stream_logins.json"


def alarms_file() -> Path:
    """Rules of alarms, and where events are told, for the user's eyes only."""
    return platformdirs.user_config_path(APP, appauthor=False, roaming=True) / "alarms.json"


def models_dir() -> Path:
    """Imported and downloaded weights."""
    return platformdirs.user_data_path(APP, appauthor=False) / "models"


def speeds_file() -> Path:
    """Returns the file of how fast models ran here."""
    return platformdirs.user_data_path(APP, appauthor=False) / "speeds.json"


def judgements_file() -> Path:
    """The judgements of events."""
    return platformdirs.user_data_path(APP, appauthor=False) / "judgements.sqlite"


def event_index_file() -> Path:
    """The events of every video that was looked at or analysed; made anew where it is missing."""
    return platformdirs.user_data_path(APP, appauthor=False) / "events.sqlite"


def live_events_file() -> Path:
    """The events of cameras, streams and screens, with their pictures."""
    return platformdirs.user_data_path(APP, appauthor=False) / "live_events.sqlite"


def clips_file() -> Path:
    """The list of clips of live sources."""
    return platformdirs.user_data_path(APP, appauthor=False) / "clips.json"


def scenes_dir() -> Path:
    """Zones, lines and masks drawn on sources."""
    return platformdirs.user_data_path(APP, appauthor=False) / "scenes"


def cache_dir() -> Path:
    """Returns the folder of what can be made again: compiled networks, thumbnails."""
    return platformdirs.user_cache_path(APP, appauthor=False)


def optimised_dir() -> Path:
    """int8 networks made for this computer, with what was measured of them."""
    return cache_dir() / "optimised"


def log_file() -> Path:
    """The log of the window."""
    return platformdirs.user_log_path(APP, appauthor=False) / "ssd-viewer.log"


def crashes_dir() -> Path:
    """Returns the folder of the reports that crashes of the window left."""
    return log_file().parent / "crashes"


def place_dir() -> Path:
    """Returns the folder by which windows of one session find each other."""
    return platformdirs.user_state_path(APP, appauthor=False)


def pictures_dir() -> Path:
    """Snapshots."""
    return platformdirs.user_pictures_path() / APP


def videos_dir() -> Path:
    """Recordings, unless another folder is chosen."""
    return platformdirs.user_videos_path() / APP
