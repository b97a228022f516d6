"""Licences and citation are stated, and what they name exists."""

import re
import tomllib

import pytest
import yaml

from tests.fixtures.paths import ROOT

ANNOTATIONS = tomllib.loads((ROOT / "REUSE.toml").read_text())["annotations"]


@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=lambda item: str(item["path"]))
def test_each_annotation_names_files_and_a_licence_that_exist(annotation):
    paths = annotation["path"]
    for path in [paths] if isinstance(paths, str) else paths:
        assert next(ROOT.glob(path), None), f"REUSE.toml names {path}, which does not exist"
    assert annotation["SPDX-FileCopyrightText"]
    licence = ROOT / "LICENSES" / f"{annotation['SPDX-License-Identifier']}.txt"
    assert licence.is_file(), f"the text {licence.name} is missing"


def test_no_licence_text_is_left_over():
    named = {annotation["SPDX-License-Identifier"] for annotation in ANNOTATIONS}
    assert {path.stem for path in (ROOT / "LICENSES").iterdir()} == named


def test_citation_names_the_five_papers_and_the_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert len(citation["references"]) == 5
    for paper in citation["references"]:
        assert paper["title"]
        assert paper["authors"]
        assert paper["year"]
        for identifier in paper.get("identifiers", []):
            assert re.fullmatch(r"arXiv:\d{4}\.\d{5}", identifier["value"])
