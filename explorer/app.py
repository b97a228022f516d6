"""Opens the atlas asked for, once for all sessions, or says what is wrong in the page."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import panel as pn

from explorer.map import raster
from explorer.page import build_page
from explorer.start_page import DEMO, error_page
from explorer.state.dataset import Dataset


def open_dataset(path: Path, compare: Path | None = None) -> Dataset:
    """Open an atlas, and another to compare it with; slow, so sessions share one.

    Raises:
        ValueError: The folder is no atlas, or one that can not be read.
    """
    from model.atlas.atlas import Atlas

    share_processors()
    raster.warm_up()
    dataset = Dataset(Atlas(path), second=None if compare is None else Atlas(compare))
    # What is loaded by now stays: looking through it for garbage took half a second each time.
    gc.collect()
    gc.freeze()
    return dataset


def share_processors() -> None:
    """Let one computation take half of the processors: browsers and other sessions want some.

    Threads that wait for each other on busy processors made a click half as long again.
    """
    import torch
    from threadpoolctl import threadpool_limits

    n_thread = max(1, (os.cpu_count() or 1) // 2)
    torch.set_num_threads(n_thread)
    threadpool_limits(n_thread)


def serve_page(arguments: Sequence[str]) -> pn.viewable.Viewable:
    """Return the page of one session: of the atlas named, or of the embedded demo."""
    path = DEMO
    try:
        options = read_arguments(arguments)
        if options.atlas is not None:
            path = options.atlas.expanduser().resolve()
        other = None if options.compare is None else options.compare.expanduser().resolve()
        dataset = pn.state.as_cached(f"atlas {path} {other}", partial(open_dataset, path, other))
    except (ValueError, OSError) as error:
        return error_page(path, error)
    return build_page(dataset, may_write=options.may_write(pn.state.user))


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """What follows `--args` of `panel serve launch.py`.

    Attributes:
        atlas: Folder of the atlas; None = the embedded demo.
        compare: Folder of a second atlas of the same objects; None = none.
        labellers: Names of the logins that may label and save tracks; None = everybody.
    """

    atlas: Path | None = None
    compare: Path | None = None
    labellers: tuple[str, ...] | None = None

    def may_write(self, user: str | None) -> bool:
        """Return whether somebody may label, by the name of the login; None = no login."""
        return self.labellers is None or user in self.labellers


def read_arguments(arguments: Sequence[str]) -> ServeOptions:
    """Read the arguments of the app: `[ATLAS] [--compare ATLAS] [--labellers NAME ...]`.

    Raises:
        ValueError: There are others.
    """
    names = list(arguments)
    labellers = None
    if "--labellers" in names:
        at = names.index("--labellers")
        names, labellers = names[:at], tuple(names[at + 1 :])
    compare = None
    if "--compare" in names[:-1]:
        at = names.index("--compare")
        compare = Path(names.pop(at + 1))
        names.pop(at)
    wrong = [name for name in (*names, *(labellers or ())) if name.startswith("--")] + names[1:]
    if wrong:
        form = "[ATLAS] [--compare ATLAS] [--labellers NAME ...]"
        raise ValueError(f"after --args come {form}, got {wrong[0]!r}")
    atlas = Path(names[0]) if names else None
    return ServeOptions(atlas=atlas, compare=compare, labellers=labellers)
