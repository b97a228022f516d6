"""Names for the array types of annotations; shapes and units stand in the docstrings."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.integer[Any]]
BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.int64]
"""Rows of a table, or positions in a list."""
