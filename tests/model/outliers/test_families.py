"""Residuals of one shape make a family; sharp ones at one observed wavelength an artefact."""

import numpy as np
import pytest

from model.atlas.atlas import Atlas
from model.outliers.families import find_families

LINE = 60.0


class Changed:
    """A source whose first spectra have a line that the model lacks, or a fault of the camera."""

    def __init__(self, source, n, line):
        self._source, self._n, self._line = source, n, line
        self.parts, self.catalog = source.parts, source.catalog

    def read(self, rows):
        spectra = self._source.read(rows)
        for row, flux, ivar, z in zip(rows, spectra.flux, spectra.ivar, spectra.z, strict=True):
            if row < 2 * self._n:
                centre = self._line if row < self._n else self._line * 0.8 * (1 + z)
                shape = np.exp(-0.5 * ((spectra.wave - centre) / 12) ** 2)
                flux += LINE * shape / np.sqrt(np.median(ivar[ivar > 0]))
        return spectra


@pytest.fixture
def families(tiny_atlas_path):
    atlas = Atlas(tiny_atlas_path)
    changed = Changed(atlas.source, 6, line=6500.0)
    atlas.__dict__["source"] = changed
    return find_families(atlas, np.arange(12))


def test_objects_with_the_same_residual_are_a_family(families):
    assert sorted(sorted(family.rows.tolist()) for family in families) == [
        list(range(6)), list(range(6, 12)),
    ]  # fmt: skip
    by_first = {int(family.rows.min()): family for family in families}
    assert by_first[0].artefact
    assert not by_first[6].artefact
    for first, wave in ((0, 6500.0), (6, 5200.0)):
        family = by_first[first]
        assert family.wave[np.nanargmax(family.residual)] == pytest.approx(wave, rel=4e-3)


def test_too_few_objects_are_no_family(tiny_atlas_path):
    assert find_families(Atlas(tiny_atlas_path), np.arange(2)) == []
