"""The labels of an atlas that all sessions share, and the news of them."""

from __future__ import annotations

from explorer.labels.news import LabelNews
from explorer.labels.place import open_labels
from explorer.labels.store import LabelStore
from explorer.state.dataset import Dataset


def label_store(dataset: Dataset) -> LabelStore:
    """Return the labels of an atlas.

    Raises:
        OSError: Their file can not be opened.
        ValueError: The file is something else.
    """
    return dataset.keep(("labels",), lambda: open_labels(dataset.atlas.path))


def shared_labels(dataset: Dataset) -> tuple[LabelStore | None, str]:
    """Return the labels of an atlas, if they can be opened, and what to say about their place."""
    try:
        store = label_store(dataset)
    except (OSError, ValueError) as error:
        return None, f"Labels can not be kept: {error}"
    return store, store.notice


def label_news(dataset: Dataset) -> LabelNews:
    """Return what tells all sessions of new labels."""
    return dataset.keep(("label news",), LabelNews)
