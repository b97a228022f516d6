"""Which bits of a mask leave a pixel out, and what that costs."""

import numpy as np
import pytest
from astropy.io import fits

from data.__main__ import main
from data.ingest.formats import read_file
from data.ingest.pixel_mask import DEFAULT_POLICY, SDSS_BITS, USED, mask_policy
from data.survey import Survey
from tests.fixtures.spectrum_files import sdss_columns, write_sdss


def flagged(*names: str) -> np.ndarray:
    """One pixel a bit, and one without any."""
    return np.array([*(1 << SDSS_BITS[name] for name in names), 0], dtype=np.int32)


def test_flags_of_whole_fibres_do_not_leave_pixels_out_and_bad_pixels_do():
    assert not DEFAULT_POLICY.masked(flagged(*USED)).any()
    others = [name for name in SDSS_BITS if name not in USED]
    assert DEFAULT_POLICY.masked(flagged(*others)).tolist() == [True] * len(others) + [False]
    both = flagged("BADFLAT") | flagged("BRIGHTSKY")
    assert DEFAULT_POLICY.masked(both).tolist() == [True, False]


def test_bits_that_no_table_names_leave_pixels_out():
    values = np.array([1 << 31, 1 << 14], dtype=np.uint32)
    assert DEFAULT_POLICY.masked(values).all()
    assert DEFAULT_POLICY.masked(values.view(np.int32)).all()


def test_named_bits_all_and_none():
    values = flagged("BRIGHTSKY", "BADFLAT")
    assert mask_policy(["brightsky"]).masked(values).tolist() == [True, False, False]
    assert mask_policy(["all"]).masked(values).tolist() == [True, True, False]
    assert not mask_policy(["none"]).masked(values).any()
    with pytest.raises(ValueError, match="got 'DUSTY'; SDSS has NOPLUG"):
        mask_policy(["BRIGHTSKY", "dusty"])


def test_the_cost_stands_in_the_summary(tmp_path, capsys):
    columns = sdss_columns()
    columns["and_mask"][:384] = 1 << SDSS_BITS["BRIGHTSKY"]
    columns["and_mask"][384:768] = 1 << SDSS_BITS["MANYBADCOLUMNS"]
    write_sdss(tmp_path / "in" / "spec-a.fits", columns=columns)
    words = ["ingest", str(tmp_path / "in"), "--jobs", "1", "--out"]
    assert main([*words, str(tmp_path / "s")]) == 0
    assert "of 3,840 measured pixels: BRIGHTSKY 10.00% (--mask-bits)" in capsys.readouterr().err
    assert main([*words, str(tmp_path / "all"), "--mask-bits", "all"]) == 0
    default, everything = (Survey(tmp_path / name).read([0]).ivar for name in ("s", "all"))
    assert 300 <= np.count_nonzero(default) - np.count_nonzero(everything) <= 384


def test_bits_that_are_used_flag_pixels_as_good_as_unflagged_ones(real_spectra):
    """Of the shared galaxies, by the residuals to the pipeline's own model."""
    residuals: dict[str, list[np.ndarray]] = {"used": [], "left out": [], "unflagged": []}
    for path in sorted((real_spectra / "sdss").glob("*.fits")):
        (raw,) = read_file(path)
        with fits.open(path) as hdus:
            table = hdus[1].data
            names = {name.lower(): name for name in table.names}
        if raw.facts["class"] != "GALAXY" or not {"model", "and_mask"} <= names.keys():
            continue
        flux, model, ivar, mask = (
            np.asarray(table[names[name]], dtype=np.int64 if name == "and_mask" else float)
            for name in ("flux", "model", "ivar", "and_mask")
        )
        chi = (flux - model) * np.sqrt(ivar)
        masked, measured = DEFAULT_POLICY.masked(mask), ivar > 0
        residuals["used"].append(chi[measured & ~masked & (mask != 0)])
        residuals["left out"].append(chi[measured & masked])
        residuals["unflagged"].append(chi[measured & (mask == 0)])
    scatter = {
        name: 1.4826 * np.median(np.abs(np.concatenate(values)))
        for name, values in residuals.items()
    }
    assert scatter["used"] < 1.1 * scatter["unflagged"]
    assert scatter["left out"] > 1.1 * scatter["unflagged"]
