"""Records of archives, on files made in the layouts that their makers describe.

SPARCL: fields of `client.retrieve`. Multimodal Universe: datasets of its build scripts for DESI and
SDSS. HATS/LSDB: nested columns. No file here is one of theirs.
"""

import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from data.grid import INSTRUMENTS
from data.ingest.file_list import find_files
from data.ingest.formats import read_file
from data.ingest.raw_spectrum import RawSpectrum

DESI, BOSS = INSTRUMENTS["desi"], INSTRUMENTS["boss"]
N = 3
IDS = [39627745524713206 + k for k in range(N)]
Z = [0.1, 0.2, 0.3]
FLUX = np.random.default_rng(1).normal(2, 0.2, (N, DESI.n_pixel)).astype("f4")
IVAR = np.full(FLUX.shape, 25.0, "f4")


def check(raws: list[RawSpectrum], *, ids: list[str] | None = None) -> None:
    """Compare what was read with the DESI spectra above."""
    assert [raw.facts["object_id"] for raw in raws] == (ids or [str(number) for number in IDS])
    assert [raw.facts["z"] for raw in raws] == pytest.approx(Z)
    for row, raw in enumerate(raws):
        assert raw.instrument == "desi"
        np.testing.assert_array_equal(raw.pixel, np.arange(DESI.n_pixel))
        used = ~raw.masked
        assert used.mean() > 0.99
        np.testing.assert_allclose(raw.flux[used], FLUX[row][used], rtol=1e-6)
        np.testing.assert_allclose(raw.ivar[used], 25.0)
        assert not [text for text in raw.remarks if "unit" in text or "air" in text]


def sparcl_records() -> dict[str, Any]:
    return {
        "sparcl_id": [f"0000-{k}" for k in range(N)],
        "specid": np.array(IDS),
        "data_release": ["DESI-DR1"] * N,
        "redshift": Z,
        "redshift_err": [1e-5] * N,
        "redshift_warning": [0, 4, 0],
        "spectype": ["GALAXY", "GALAXY", "QSO"],
        "ra": [10.0, 11.0, 12.0],
        "dec": [-1.0, 0.0, 1.0],
        "wavelength": [DESI.wave.astype("f4")] * N,
        "flux": list(FLUX),
        "ivar": list(IVAR),
        "mask": [np.zeros(DESI.n_pixel, "i4")] * N,
    }


def test_sparcl_records_in_parquet_and_fits(tmp_path: Path):
    pd.DataFrame(sparcl_records()).to_parquet(tmp_path / "records.parquet")
    Table({key: np.array(value) for key, value in sparcl_records().items()}).write(
        tmp_path / "records.fits"
    )
    for name in ("records.parquet", "records.fits"):
        raws = list(read_file(tmp_path / name))
        check(raws)
        assert [raw.facts["class"] for raw in raws] == ["GALAXY", "GALAXY", "QSO"]
        assert [raw.facts["zwarning"] for raw in raws] == [0, 4, 0]
        assert [raw.facts["ra"] for raw in raws] == [10.0, 11.0, 12.0]
        assert raws[0].facts["z_err"] == pytest.approx(1e-5)
    assert len(find_files([tmp_path]).files) == 2


def test_identifiers_that_lost_digits_identify_nothing(tmp_path: Path):
    records = sparcl_records() | {"specid": np.array(IDS, float), "id": ["a", "b", "c"]}
    del records["sparcl_id"]
    pd.DataFrame(records).to_parquet(tmp_path / "records.parquet")
    check(list(read_file(tmp_path / "records.parquet")), ids=["a", "b", "c"])


def write_hdf5(path: Path, datasets: dict[str, Any]) -> Path:
    with h5py.File(path, "w") as file:
        for key, values in datasets.items():
            file.create_dataset(key, data=values)
    return path


def desi_datasets(**others: Any) -> dict[str, Any]:
    return {
        "object_id": np.array(IDS),
        "ra": np.arange(N, dtype=float),
        "dec": np.zeros(N),
        "Z": np.array(Z),
        "ZERR": np.full(N, 1e-5),
        "SPECTYPE": np.array([b"GALAXY"] * N),
        "TARGETID": np.array(IDS),
        "SURVEY": np.array([b"sv3"] * N),
        "spectrum_flux": FLUX,
        "spectrum_ivar": IVAR,
        **others,
    }


def test_multimodal_universe_desi_has_the_ends_of_its_wavelengths(tmp_path: Path):
    ends = {"spectrum_lambda_min": np.full(N, 3600, "f4")}
    ends |= {"spectrum_lambda_max": np.full(N, 9824, "f4"), "ZWARN": np.array([0, 4, 0])}
    path = write_hdf5(tmp_path / "001-of-001.hdf5", desi_datasets(**ends))
    raws = list(read_file(path))
    check(raws)
    assert [raw.facts["zwarning"] for raw in raws] == [0, 4, 0]
    assert [raw.facts["targetid"] for raw in raws] == IDS
    assert raws[0].facts["survey"] == "sv3"


def test_multimodal_universe_desi_warnings_are_turned_round(tmp_path: Path):
    """As truth values they are true where the redshift is good."""
    wave = np.repeat(DESI.wave[None].astype("f4"), N, axis=0)
    path = write_hdf5(
        tmp_path / "a.hdf5",
        desi_datasets(spectrum_lambda=wave, ZWARN=np.array([True, False, True])),
    )
    raws = list(read_file(path))
    check(raws)
    assert [raw.facts["zwarning"] for raw in raws] == [0, 1, 0]


def test_multimodal_universe_sdss_is_padded_and_has_bytes_for_ids(tmp_path: Path):
    n, total = 4600, 4650
    wave = np.full((2, total), -1.0, "f4")
    wave[0, :n], wave[1] = BOSS.wave[:n], BOSS.wave[20 : 20 + total]
    mask = wave < 0
    mask[1, 100] = True
    path = write_hdf5(
        tmp_path / "sdss.hdf5",
        {
            "object_id": np.array([b"  482050393014593536", b"  482050393014593537"]),
            "Z": np.array([0.05, 0.1]), "Z_ERR": np.full(2, 1e-5),
            "ZWARNING": np.array([False, True]),
            "spectrum_lambda": wave, "spectrum_mask": mask,
            "spectrum_flux": np.repeat(np.arange(2.0)[:, None] + 1, total, axis=1),
            "spectrum_ivar": np.ones((2, total)), "spectrum_lsf_sigma": np.ones((2, total)),
        },
    )  # fmt: skip
    first, second = read_file(path)
    assert first.facts["object_id"] == "482050393014593536"
    np.testing.assert_array_equal(first.pixel, np.arange(n))
    np.testing.assert_array_equal(second.pixel, np.arange(20, 20 + total))
    assert not first.masked.any()
    assert np.flatnonzero(second.masked).tolist() == [100]
    assert (first.facts["zwarning"], second.facts["zwarning"]) == (0, 1)
    assert second.flux[0] == 2.0


@pytest.mark.parametrize("layout", ["struct", "list", "arms", "bands", "columns"])
def test_nested_columns_of_hats(tmp_path: Path, layout: str):
    cuts = {"b": (0, 2751), "r": (2700, 5026), "z": (4900, 7781)}
    facts = pa.table({"object_id": IDS, "Z": Z, "SPECTYPE": ["GALAXY"] * N, "ra": [1.0, 2, 3]})

    def nested(values: list[dict[str, Any]]) -> pa.Table:
        return facts.append_column("spectrum", pa.array(values))

    arms = [
        {arm: {"wave": DESI.wave[a:b], "flux": FLUX[row, a:b], "ivar": IVAR[row, a:b]}
         for arm, (a, b) in cuts.items()}
        for row in range(N)
    ]  # fmt: skip
    whole = [{"lambda": DESI.wave, "flux": FLUX[row], "ivar": IVAR[row]} for row in range(N)]
    if layout == "struct":
        table = nested(whole)
    elif layout == "list":
        keys = ("lambda", "flux", "ivar")
        pixels = [
            [
                dict(zip(keys, map(float, values), strict=True))
                for values in zip(*item.values(), strict=True)
            ]
            for item in whole
        ]
        table = facts.append_column("spectrum", pa.array(pixels))
    elif layout == "bands":
        table = nested([
            {"band": np.concatenate([[arm] * len(parts["flux"]) for arm, parts in item.items()])}
            | {key: np.concatenate([parts[key] for parts in item.values()])
               for key in ("wave", "flux", "ivar")}
            for item in arms
        ])  # fmt: skip
    elif layout == "arms":
        table = facts
        for arm in cuts:
            table = table.append_column(arm, pa.array([item[arm] for item in arms]))
    else:
        table = facts
        for arm in cuts:
            for key in ("wave", "flux", "ivar"):
                cells = pa.array([item[arm][key] for item in arms])
                table = table.append_column(f"{arm}_{key}", cells)
    pq.write_table(table, tmp_path / "Npix=1.parquet")
    raws = list(read_file(tmp_path / "Npix=1.parquet"))
    assert [raw.facts["object_id"] for raw in raws] == [str(number) for number in IDS]
    overlap = np.isin(np.arange(7781), [*range(2700, 2751), *range(4900, 5026)])
    doubled = layout in ("arms", "bands", "columns")
    for row, raw in enumerate(raws):
        assert raw.instrument == "desi"
        np.testing.assert_allclose(raw.flux, FLUX[row], rtol=1e-6)
        np.testing.assert_allclose(raw.ivar, np.where(overlap & doubled, 50.0, 25.0))


def test_pickles_are_refused_unopened(tmp_path: Path):
    class Trap:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return Path.touch, (tmp_path / "opened",)  # type: ignore[return-value]

    (tmp_path / "records.pkl").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match=r"a pickle .* save its records as Parquet"):
        list(read_file(tmp_path / "records.pkl"))
    assert not (tmp_path / "opened").exists()


def test_tables_without_spectra_are_told(tmp_path: Path):
    pd.DataFrame({"object_id": [1], "z": [0.1]}).to_parquet(tmp_path / "catalog.parquet")
    write_hdf5(tmp_path / "a.h5", {"x": np.zeros(3)})
    pixels = {"wavelength": DESI.wave, "flux": FLUX[0], "ivar": IVAR[0]}
    pd.DataFrame(pixels).to_parquet(tmp_path / "pixels.parquet")
    write_hdf5(tmp_path / "pixels.h5", pixels)
    np.savez(tmp_path / "arrays.npz", **pixels)
    (tmp_path / "b.parquet").write_bytes(b"PAR1 is not all")
    (tmp_path / "b.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    for name, message in (
        ("catalog.parquet", "no column of fluxes; it has object_id, z"),
        ("a.h5", "no column of fluxes; it has x"),
        ("pixels.parquet", "a row must be a spectrum.* as CSV.; it has wavelength, flux, ivar"),
        ("pixels.h5", "a row must be a spectrum.* as CSV.; it has wavelength, flux, ivar|it has "),
        ("arrays.npz", r"NumPy \(.npz\) do not say what they are: save a spectrum as CSV"),
        ("b.parquet", "damaged Parquet file"),
        ("b.h5", "damaged HDF5 file"),
    ):
        with pytest.raises(ValueError, match=message):
            list(read_file(tmp_path / name))


def test_a_record_that_lacks_an_arm_says_so(tmp_path: Path):
    arms = {"b_flux": [FLUX[0]], "b_wavelength": [DESI.wave], "z": [0.1]}
    pd.DataFrame(arms).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="arm b has only flux, wavelength"):
        list(read_file(tmp_path / "a.parquet"))
