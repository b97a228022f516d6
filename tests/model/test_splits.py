from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pandas as pd
import pytest

from data.grid import INSTRUMENTS, WaveGrid
from data.spectra import Part
from model.splits import parts, split_source


@dataclass
class Source:
    catalog: pd.DataFrame
    grid: WaveGrid = INSTRUMENTS["sdss"]

    def __len__(self) -> int:
        return len(self.catalog)

    @property
    def parts(self) -> tuple[Part, ...]:
        return (Part("sdss", self.grid, 0, len(self)),)


def _catalog(n: int, rng: np.random.Generator, **columns: object) -> pd.DataFrame:
    ids = [f"{300 + i // 640}-{51600 + i}-{i % 640:04d}" for i in range(n)]
    return pd.DataFrame({"object_id": ids, "z": rng.uniform(0.01, 0.4, n), **columns})


def _split(catalog: pd.DataFrame, object_class: str = "GALAXY"):
    return split_source(Source(catalog), object_class=object_class, rest_first=2359.0)  # type: ignore[arg-type]


def test_shares_are_70_15_15_and_cover_everything(rng):
    splits = _split(_catalog(20_000, rng))
    sizes = np.array([len(rows) for rows in splits.sets().values()]) / 20_000
    np.testing.assert_allclose(sizes, [0.70, 0.15, 0.15], atol=0.01)
    everything = np.concatenate(list(splits.sets().values()))
    assert sorted(everything) == list(range(20_000))


def test_part_follows_from_the_id_as_documented(rng):
    catalog = _catalog(500, rng)
    for object_id, part in zip(catalog["object_id"], parts(catalog, np.arange(500)), strict=True):
        share = int(blake2b(object_id.encode(), digest_size=8).hexdigest(), 16) / 2**64
        assert part == (share >= 0.70) + (share >= 0.85)


def test_part_of_an_object_depends_neither_on_order_nor_on_company(rng):
    catalog = _catalog(2000, rng)
    whole = dict(zip(catalog["object_id"], parts(catalog, np.arange(2000)), strict=True))
    some = catalog.sample(300, random_state=1).reset_index(drop=True)
    again = dict(zip(some["object_id"], parts(some, np.arange(300)), strict=True))
    assert all(whole[object_id] == part for object_id, part in again.items())


@pytest.mark.parametrize("dec", [0.0, 60.0, -80.0])
def test_repeat_observations_stay_on_one_side(rng, dec):
    n = 400
    ra = np.linspace(0.1, 360, n, endpoint=False)
    first = _catalog(n, rng, ra=ra, dec=dec)
    second = _catalog(2 * n, rng, ra=0.0, dec=0.0).iloc[n:].reset_index(drop=True)
    second[["ra", "dec"]] = first[["ra", "dec"]] + [0.0, 1.5 / 3600]
    both = pd.concat([first, second], ignore_index=True)
    part = parts(both, np.arange(2 * n))
    assert (part[:n] == part[n:]).all()
    assert len(set(part)) == 3


def test_repeats_are_found_across_the_origin_of_right_ascension(rng):
    for trial in range(30):
        catalog = _catalog(2, rng, ra=[359.9999, 0.0001], dec=[0.0, 0.0])
        catalog["object_id"] = [f"a{trial}", f"b{trial}"]
        part = parts(catalog, np.arange(2))
        assert part[0] == part[1]


@pytest.mark.parametrize("value", [0.0, -9999.0, np.nan, np.inf])
def test_objects_of_unknown_position_spread_over_the_parts(rng, value):
    catalog = _catalog(1000, rng, ra=value, dec=value)
    part = parts(catalog, np.arange(1000))
    assert np.array_equal(part, parts(catalog.drop(columns=["ra", "dec"]), np.arange(1000)))
    # Each object falls into a part at random: within 5 standard deviations of the shares.
    shares = np.array([0.70, 0.15, 0.15])
    deviation = np.bincount(part, minlength=3) - 1000 * shares
    assert (np.abs(deviation) < 5 * np.sqrt(1000 * shares * (1 - shares))).all()


def test_other_classes_and_bad_redshifts_are_left_out_and_counted(rng):
    catalog = _catalog(400, rng, **{"class": ["GALAXY", "QSO", "galaxy ", None] * 100})
    catalog.loc[:3, "z"] = [np.nan, 0.1, -1.0, 9.0]
    splits = _split(catalog)
    used = np.concatenate(list(splits.sets().values()))
    assert splits.left_out == {
        "class is not GALAXY": 100,
        "redshift unknown or outside the rest frame": 3,
    }
    assert len(used) == 297
    assert not (catalog["class"].iloc[used] == "QSO").any()
    assert len(np.concatenate(list(_split(catalog, "any").sets().values()))) == 397


def test_few_objects_are_split_too(rng):
    splits = _split(_catalog(3, rng, **{"class": "QSO"}))
    assert [len(rows) for rows in splits.sets().values()] == [0, 0, 0]
    assert splits.left_out["class is not GALAXY"] == 3
