"""Data files of config/ at run time: beside the packages in a checkout, as `gateway/data` in an installed
wheel.
"""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def data_path(name: str) -> Path:
    """Path of a file of config/; FileNotFoundError when this installation lacks it."""
    for folder in (_HERE / "data", _HERE.parent / "config"):
        path = folder / name
        if path.is_file():
            return path
    raise FileNotFoundError(f"{name} is missing from this installation of callwarden")
