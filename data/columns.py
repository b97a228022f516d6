"""Columns of a catalogue: what they are called on screen, their units, UCDs and meaning.

The only place of this knowledge. A catalogue may have more columns than these, from the user's own
table: `column` describes them by their name alone. Outlier scores are described by the atlas that
computed them (`model.atlas.scores.Score`).
"""

from __future__ import annotations

import re

from data.column import Column, derived

FACTS = (
    "ra", "dec", "z", "z_err", "class", "subclass", "snr", "log_mass", "log_ssfr", "a_v",
)  # fmt: skip
"""What most catalogues have, in the order in which the facts of an object are listed."""
SUMMARY = ("z", "class", "subclass", "snr")
"""The few facts shown where there is little room."""
NUMBERS = ("z", "log_mass", "log_ssfr", "a_v", "neg_log_p", "chi2_red", "lof", "snr")
"""Columns of numbers in the order in which they are offered, before all others."""


_FLUX = "1e-17 erg / (s cm2 Angstrom)"
_WIDTH = {"symbol": "Å", "unit": "Angstrom", "ucd": "spect.line.eqWidth"}
_LINE_FLUX = {
    "symbol": "1e-17 cgs", "unit": "1e-17 erg / (s cm2)", "ucd": "spect.line.intensity",
}  # fmt: skip
_LINES = (
    ("oii", "[O II]", "[O II] 3728"), ("hbeta", "Hβ", "H-beta"),
    ("oiii", "[O III]", "[O III] 5008"), ("oi", "[O I]", "[O I] 6302"),
    ("halpha", "Hα", "H-alpha"), ("nii", "[N II]", "[N II] 6585"),
    ("sii", "[S II]", "[S II] 6718 and 6733"),
)  # fmt: skip
"""Name, label and words of each line that is measured."""
_SPEED = {"symbol": "km/s", "unit": "km / s"}

COLUMNS: dict[str, Column] = {
    # What a survey reports.
    "object_id": Column(label="object_id", ucd="meta.id;meta.main", description="Unique name"),
    "targetid": Column(label="targetid", ucd="meta.id", description="DESI target"),
    "plate": Column(label="plate", description="SDSS plate"),
    "mjd": Column(label="mjd", unit="d", ucd="time.epoch", description="Modified Julian date"),
    "fiber": Column(label="fiber", description="SDSS fibre"),
    "ra": Column(
        label="ra", unit="deg", ucd="pos.eq.ra;meta.main", description="Right ascension, ICRS"
    ),
    "dec": Column(
        label="dec", unit="deg", ucd="pos.eq.dec;meta.main", description="Declination, ICRS"
    ),
    "z": Column(label="redshift z", short="z", ucd="src.redshift", description="Redshift"),
    "z_err": Column(
        label="z_err", ucd="stat.error;src.redshift", description="Error of the redshift"
    ),
    "zwarning": Column(
        label="zwarning", ucd="meta.code.qual", description="Warnings of the redshift fit, bits"
    ),
    "class": Column(label="class", ucd="src.class", description="Spectral class"),
    "subclass": Column(label="subclass", ucd="src.class", description="Spectral subclass"),
    "instrument": Column(label="instrument", description="Instrument"),
    "file": Column(label="file", description="File the spectrum was read from"),
    "snr": Column(
        label="S/N per pixel", short="S/N", ucd="stat.snr",
        description="Median signal to noise per pixel, before masks",
    ),
    "norm": Column(
        label="norm", symbol="1e-17 cgs/Å", unit=_FLUX, ucd="phot.flux.density;em.opt",
        description="Median flux density at rest-frame 5300-5850 Angstrom",
    ),
    "mask_fraction": Column(
        label="mask_fraction", description="Part of the pixels that is masked"
    ),
    # What is known of a galaxy.
    "log_mass": Column(
        label="log M*", symbol="Msun", unit="dex(solMass)", ucd="phys.mass",
        description="Stellar mass, log10",
    ),
    "log_ssfr": Column(
        label="log sSFR", symbol="1/yr", unit="dex(1 / yr)",
        description="Specific star-formation rate, log10",
    ),
    "a_v": Column(
        label="A_V", symbol="mag", unit="mag", ucd="phys.absorption",
        description="Attenuation by dust in the V band",
    ),
    "r_mag": Column(
        label="r_mag", symbol="mag", unit="mag", ucd="phot.mag;em.opt.R",
        description="Apparent magnitude in the r band",
    ),
    "age": Column(
        label="age", symbol="Gyr", unit="Gyr", ucd="time.age",
        description="Mean age of the stars",
    ),
    "metallicity": Column(
        label="metallicity", ucd="phys.abund.Z",
        description="Metallicity of the stars, log10 of the solar",
    ),
    "gas_metallicity": Column(
        label="gas_metallicity", ucd="phys.abund.Z",
        description="Metallicity of the gas, log10 of the solar",
    ),
    "log_u": Column(label="log_u", description="Ionisation parameter, log10"),
    "vdisp": Column(
        label="vdisp", ucd="phys.veloc.dispersion",
        description="Velocity dispersion of the stars", **_SPEED,
    ),
    "gas_vdisp": Column(
        label="gas_vdisp", ucd="phys.veloc.dispersion",
        description="Velocity dispersion of the gas", **_SPEED,
    ),
    # The truth of a mock survey.
    "z_second": Column(
        label="second z",
        ucd="src.redshift",
        description="Redshift of the galaxy blended with it (mock surveys)",
    ),
    "z_true": Column(
        label="z_true", ucd="src.redshift", description="Redshift the spectrum was made with"
    ),
    **{
        name: Column(label=name, ucd="src.class", description=words)
        for name, words in (
            ("population", "Star-formation history of the mock galaxy"),
            ("nucleus", "Active nucleus of the mock galaxy"),
            ("outlier_kind", "What was made strange of the mock"),
            ("target", "What it was selected as"),
            ("bpt_class", "Class by emitted line ratios"),
        )
    },
    "a_v_gas": Column(
        label="A_V of the gas", symbol="mag", unit="mag", ucd="phys.absorption",
        description="Attenuation of emission lines in the V band",
    ),
    "fwhm_broad": Column(
        label="width of broad lines",
        description="Full width at half maximum of the broad lines of a mock nucleus", **_SPEED,
    ),
    **{
        f"flux_{name}": Column(
            label=f"flux {label}", description=f"Flux of {words} in the fibre", **_LINE_FLUX
        )
        for name, label, words in _LINES
    },
    # What is measured on spectra (`data.lines.indices`, `model.tracks.trends`).
    "d4000": Column(label="D4000", description="Break at 4000 Angstrom"),
    "hdelta_a": Column(
        label="HδA", description="Lick index, positive in absorption", **_WIDTH
    ),
    **{
        f"ew_{name}": Column(
            label=f"EW {label}", description=f"Equivalent width of {words}, positive in emission",
            **_WIDTH,
        )
        for name, label, words in _LINES
    },
    "fwhm_halpha": Column(
        label="width of Hα", description="Full width at half maximum of H-alpha without [N II], "
        "the instrument included", **_SPEED
    ),
    "ew_halpha_wings": Column(
        label="EW of broad Hα", description="Equivalent width of H-alpha 1300 to 3400 km/s from "
        "its centre: above 3 Angstrom, the line is broad", **_WIDTH
    ),
    "l_halpha": Column(
        label="height of Hα",
        description="Flux density at 6564.6 Angstrom above the continuum, over the norm "
        "(Melchior+2022, section 4.3)",
    ),
    "log_nii_halpha": Column(
        label="log [N II]/Hα", symbol="dex", unit="dex", ucd="spect.line.intensity;arith.ratio",
        description="BPT coordinate: log10 of the flux of [N II] 6585 over that of H-alpha",
    ),
    "log_oiii_hbeta": Column(
        label="log [O III]/Hβ", symbol="dex", unit="dex", ucd="spect.line.intensity;arith.ratio",
        description="BPT coordinate: log10 of the flux of [O III] 5008 over that of H-beta",
    ),
    "line_class": Column(
        label="class by lines", ucd="src.class",
        description="Class by the rules of Portillo+2020: quiescent (a Balmer line below 3 sigma), "
        "else emission-line or narrow-line AGN by Kewley+2001; broad-line AGN",
    ),
    # What the atlas computes; the labels of scores come from the atlas.
    "neg_log_p": Column(label="-log p"),
    "lof": Column(label="local outlier factor"),
    "neg_log_p_rank": Column(label="-log p of ranks"),
    "knn_distance": Column(label="neighbour distance"),
    "isolation": Column(label="isolation forest"),
    "strangeness": Column(label="strangeness"),
    "weighted_mse": Column(label="weighted MSE", ucd="stat.fit.chi2"),
    "double_peaks": Column(label="double peaks"),
    "line_peak": Column(label="line peak"),
    "chi2_red": Column(label="reduced chi2", short="χ²", ucd="stat.fit.chi2"),
    "chi2_worst": Column(label="chi2_worst", ucd="stat.fit.chi2"),
    "chi2_worst_wave": Column(
        label="chi2_worst_wave", symbol="Å", unit="Angstrom", ucd="em.wl",
        description="Observed wavelength of the window with the highest chi2",
    ),
    "peak_flux": Column(label="peak_flux"),
    "peak_separation": Column(
        label="peak separation", description="Distance of the two peaks of emission lines", **_SPEED
    ),
    "reason": Column(label="reason", description="Cause of the first reason for strangeness"),
    "reason_strength": Column(
        label="reason_strength", description="Strength of the strongest reason; 1 is the limit"
    ),
    "reasons": Column(label="why strange", description="Reasons for strangeness, with strengths"),
    "suggested_class": Column(
        label="suggested class", description="Class of Liang+2023, Table 2, that reasons suggest"
    ),
    "refinement_shift": Column(
        label="shift by refinement",
        description="How far least-squares steps moved the latents, in spreads of the survey",
    ),
}  # fmt: skip
_POSITION = re.compile(r"latent_\d+|(umap|tsne|pca)_[xy]")


def column(name: str) -> Column:
    """Return what is known of a column; for an unknown one its name is its label."""
    known = COLUMNS.get(name) or derived(name, COLUMNS)
    if known is not None:
        return known
    is_position = _POSITION.fullmatch(name)
    return Column(label=name, description="Position in latent space" if is_position else "")
