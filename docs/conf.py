"""Settings of the documentation: `make docs`."""

import sys
import tomllib
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

_project = tomllib.loads(
    (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
)["project"]

project = "Latent-space explorer"
author = _project["authors"][0]["name"]
version = release = _project["version"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "reference_pages"]
exclude_patterns = ["_build"]
smartquotes = False  # "--out" is an option
default_role = "code"  # docstrings write names in single backticks
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # attributes are described once, where the class is
myst_heading_anchors = 3
html_theme = "furo"
html_title = project
html_show_sphinx = False
html_copy_source = False
