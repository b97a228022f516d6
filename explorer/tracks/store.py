"""Tracks kept beside the atlas, or in the home folder where it is read-only."""

from __future__ import annotations

import hashlib
from pathlib import Path

from data.atomic import can_write
from model.tracks.track import Track

FOLDER = "tracks"
MAX_NAME = 80


class TrackStore:
    """The named tracks of one atlas, one JSON file each."""

    def __init__(self, folder: Path, *, notice: str = "") -> None:
        """Use a folder; it is made when the first track is saved.

        Args:
            folder: Where the files lie.
            notice: What the user should know about the folder.
        """
        self.folder, self.notice = folder, notice

    @classmethod
    def of(cls, atlas: Path, *, home: Path | None = None) -> TrackStore:
        """Return the tracks of an atlas.

        Args:
            atlas: Its folder.
            home: Home folder; None = the user's.
        """
        if can_write(atlas):
            return cls(atlas / FOLDER)
        digest = hashlib.sha256(str(atlas.resolve()).encode()).hexdigest()[:8]
        folder = (home or Path.home()) / ".local" / "share" / "latent-space-explorer"
        folder = folder / FOLDER / f"{atlas.resolve().name}-{digest}"
        return cls(folder, notice=f"{atlas} can not be written; tracks go to {folder}")

    def names(self) -> dict[str, Path]:
        """Return name -> file of every track that can be read, in alphabetical order."""
        found = {}
        for path in sorted(self.folder.glob("*.json")) if self.folder.is_dir() else []:
            try:
                found[Track.load(path).name] = path
            except ValueError:
                continue  # what is no track is not listed, and left alone
        return dict(sorted(found.items(), key=lambda item: item[0].casefold()))

    def save(self, track: Track) -> Path:
        """Write a track under its name, in place of one of the same name.

        Raises:
            ValueError: The name is empty or too long.
            OSError: It can not be written.
        """
        name = track.name.strip()
        if not name or len(name) > MAX_NAME:
            raise ValueError(
                f"a track's name must have 1 to {MAX_NAME} characters, got {len(name)}"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.path(name)
        track.save(path)
        return path

    def path(self, name: str) -> Path:
        """Return the file of a track; no name leads out of the folder."""
        plain = "".join(char if char.isalnum() and char.isascii() else "-" for char in name)
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        return self.folder / f"{plain[:40]}-{digest}.json"
