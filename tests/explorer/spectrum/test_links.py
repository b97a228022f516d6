"""Links to other services: the release of a DESI spectrum is the data's."""

from pathlib import Path

import numpy as np
import pytest

from explorer.spectrum.facts import made_up, position
from explorer.spectrum.links import desi_release, page_links
from tests.fixtures.explorer import new_state

TARGET = "39627640566453451"


@pytest.mark.parametrize(
    ("facts", "release"),
    [
        (["iron"], "dr1"), (["fuji"], "edr"), (["loa"], "dr2"), (["DR1"], "dr1"),
        (["/global/desi/spectro/redux/fuji/healpix/sv3/bright/coadd.fits"], "edr"),
        (["coadd-main-dark-1000.fits"], None), (["iron", "fuji"], None), ([], None),
        (["environment", "loaded"], None),
    ],
)  # fmt: skip
def test_release_is_read_from_what_the_data_say(facts: list[str], release: str | None) -> None:
    assert desi_release(facts) == release


def test_each_page_with_the_spectrum_is_offered() -> None:
    nowhere = {"ra": float("nan"), "dec": float("nan")}

    def pages(*facts: str) -> list[str]:
        return [address for _name, address in page_links(TARGET, facts=facts, **nowhere)]

    viewer = "https://www.legacysurvey.org/viewer/desi-spectrum"
    assert pages("iron") == [f"{viewer}/dr1/targetid{TARGET}"]
    assert pages("fuji") == [f"{viewer}/edr/targetid{TARGET}"]
    assert pages() == [f"{viewer}/{name}/targetid{TARGET}" for name in ("dr1", "edr")]
    assert pages("loa") == []  # no viewer shows it yet


def test_nothing_in_the_sky_is_a_mock_galaxy_s(tiny_atlas_path: Path) -> None:
    dataset = new_state(tiny_atlas_path).dataset
    assert not made_up(dataset)
    assert np.isfinite(position(dataset, 3)).all()
    dataset.atlas.source.info["provenance"] = {"made_by": "python -m data mock"}
    assert made_up(dataset)
    assert np.isnan(position(dataset, 3)).all()
