"""Opens the atlas asked for, once for all sessions, or says what is wrong in the page."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import panel as pn

from explorer.map import raster
from explorer.page import build_page
from explorer.start_page import DEMO, error_page
from explorer.state.dataset import Dataset


def open_dataset(path: Path) -> Dataset:
    """Open an atlas; slow, so sessions share one.

    Raises:
        ValueError: The folder is no atlas, or one that can not be read.
    """
    from model.atlas.atlas import Atlas

    share_processors()
    raster.warm_up()
    dataset = Dataset(Atlas(path))
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
    path = Path(arguments[0]).expanduser().resolve() if arguments else DEMO
    try:
        dataset = pn.state.as_cached(f"atlas {path}", partial(open_dataset, path))
    except (ValueError, OSError) as error:
        return error_page(path, error)
    return build_page(dataset)
