"""Why is an object strange? A short list of reasons with strengths, and a class they suggest.

Each cause has a number (`model.residuals.evidence`) and a limit. The limit is the larger of the
one given here, found on mock galaxies, and the 99.5th percentile of the survey itself, so that few
ordinary objects have any reason. Strength is the number over its limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.arrays import FloatArray
from data.lines.emission import LINES
from model.residuals.evidence import Evidence
from model.residuals.peaks import Peak

STRONG = 1.5
"""Strength from which a reason is strong."""
USUAL_PERCENTILE = 99.5
MOST_REASONS = 5
COMMON_PEAK = 0.02
"""Share of a survey with a peak at one observed wavelength that makes it an artefact."""
PEAK_BIN = 10.0
"""Width, Angstrom, in which peaks are counted."""
PEAK_LIMIT = 12.0
ARTEFACT = (5195.0, 5206.0)
"""Observed wavelengths, Angstrom, of the class NI-5200 of Liang+2023, Table 2: [N I] of the sky."""
STRONG_LINES = {line.name for line in LINES if line.major and line.kind == "emission"}
EXPECTED_PEAK = 1.4
"""Strength at most of a peak at a line, or beside it: no model draws every line of all objects."""
OTHER_OBJECT = {"star", "star blend", "second redshift", "wrong redshift"}
"""Causes that say which object, or which redshift, a spectrum shows beside the catalogue's."""
SYMPTOMS = {"broad residual", "residual peak"}
"""Causes that say where a model fails, not why; unless they suggest a class."""


@dataclass(frozen=True)
class Reason:
    """One reason.

    Attributes:
        cause: One of `CAUSES`, `residual peak` or `isolated`.
        text: What was found, with its numbers.
        strength: 1 is the limit; `STRONG` and more is strong.
        suggestion: Class of Liang+2023, Table 2, that it suggests; empty = none.
        z: Redshift that it tells, NaN where it tells none.
    """

    cause: str
    text: str
    strength: float
    suggestion: str = ""
    z: float = math.nan

    @property
    def strong(self) -> bool:
        """Whether the reason is strong."""
        return self.strength >= STRONG


@dataclass(frozen=True)
class Cause:
    """How a cause is told.

    Attributes:
        limit: Number from which it counts at least.
        suggestion: Class of Liang+2023, Table 2.
        text: Makes the sentence from the details of one object.
        generic: It comes with many others: its strength ends at `STRONG`.
        most: The limit does not grow beyond this, however common the cause is in a survey.
        z: Name of the detail that is the redshift it tells; empty = none.
    """

    limit: float
    suggestion: str
    text: Callable[[Mapping[str, float], str], str]
    generic: bool = False
    most: float = np.inf
    z: str = ""


CAUSES: dict[str, Cause] = {
    "star": Cause(0.8, "Star", most=1.0, text= lambda d, kind: (
        f"a star (type {kind}) fits better than a galaxy at this redshift: "
        f"{max(d['star'], d['best']):.0f}σ against {d['own']:.0f}σ")),
    "wrong redshift": Cause(1.0, "", most=1.5, z="z_best", text= lambda d, _: (
        f"z = {d['z_best']:.4f} fits better: {d['best']:.0f}σ against {d['own']:.0f}σ")),
    "star blend": Cause(6.0, "Blends", lambda d, kind: (
        f"features of a star (type {kind}) beside the galaxy, {d['star_left']:.0f}σ")),
    "second redshift": Cause(10.0, "Blends", z="z_second", text=lambda d, _: (
        f"second redshift z = {d['z_second']:.4f}, {d['second']:.0f}σ")),
    "straight line": Cause(0.03, "Bad Spectrum", lambda d, _: (
        f"straight line from {d['straight_first']:.0f} to {d['straight_last']:.0f} Å: missing "
        "or interpolated")),
    "sky residuals": Cause(0.5, "Sky Contamination", lambda _d, _k: (
        "sky lines are left over")),
    "arm step": Cause(5.0, "Bad Spectrum", lambda d, _: (
        f"step of {100 * d['step']:+.0f} % at {d['step_wave']:.0f} Å, where the arms meet")),
    "broad residual": Cause(5.0, "", lambda d, _: (
        f"broad residual of {100 * d['broad']:+.0f} % at {d['broad_wave']:.0f} Å observed"), True),
    "double peaks": Cause(2.8, "Velocity Structure", lambda d, _: (
        f"emission lines of two components, {d['separation']:.0f} km/s apart")),
    "dust": Cause(2.2, "Dusty", lambda d, _: (
        f"little blue light: flux at 4200 Å is {d['blue']:.2f} of that at 5600 Å")),
    "Balmer decrement": Cause(9.0, "Dusty", lambda d, _: (
        f"Hα/Hβ at least {d['decrement']:.1f}")),
    "strong lines": Cause(300.0, "Bright HII Region", lambda d, _: (
        f"strong emission lines: EW of Hα {d['ew_halpha']:.0f} Å")),
    "strong Hδ": Cause(7.0, "Strong H delta", lambda d, _: (
        f"strong Hδ absorption, {d['hdelta_a']:.1f} Å")),
    "low S/N": Cause(0.4, "", lambda d, _: f"S/N of {d['snr']:.1f} per pixel"),
}  # fmt: skip
"""Causes and how they are told; limits are about the 99.5th percentile of mock galaxies."""


@dataclass(frozen=True)
class UsualEvidence:
    """What is usual in a survey.

    Attributes:
        limits: Cause -> limit.
        peak_share: Share of objects with a peak in each bin of observed wavelength, shape
            (n_bin,), bin b from b `PEAK_BIN` on.
    """

    limits: dict[str, float]
    peak_share: FloatArray

    @classmethod
    def unknown(cls) -> UsualEvidence:
        """Return the limits of mock galaxies alone."""
        return cls({name: cause.limit for name, cause in CAUSES.items()}, np.zeros(1))

    def updated(self, limits: Mapping[str, float], peak_share: FloatArray) -> UsualEvidence:
        """Return other limits, those of causes not named kept."""
        known = {name: float(limits.get(name, limit)) for name, limit in self.limits.items()}
        return UsualEvidence(known, peak_share)


def usual_evidence(evidence: Evidence) -> UsualEvidence:
    """Learn what is usual from a sample of a survey, some hundred objects or more."""
    limits = {
        name: min(
            cause.most,
            max(cause.limit, float(np.percentile(evidence.strength[name], USUAL_PERCENTILE))),
        )
        for name, cause in CAUSES.items()
    }
    bins = [{int(peak.wave / PEAK_BIN) for peak in peaks} for peaks in evidence.peaks]
    counts = np.zeros(max((max(found, default=0) for found in bins), default=0) + 1)
    for found in bins:
        counts[list(found)] += 1
    return UsualEvidence(limits, counts / max(len(bins), 1))


def explain(evidence: Evidence, usual: UsualEvidence) -> list[list[Reason]]:
    """Return the reasons of each object, as `in_order` has them.

    Args:
        evidence: What was measured on the objects.
        usual: What is usual in their survey.
    """
    explained = []
    for row in range(len(evidence)):
        details = {name: float(values[row]) for name, values in evidence.details.items()}
        reasons = [
            Reason(
                name,
                cause.text(details, str(evidence.star_type[row])),
                min(strength, STRONG) if cause.generic else strength,
                cause.suggestion,
                details.get(cause.z, math.nan),
            )
            for name, cause in CAUSES.items()
            if (strength := float(evidence.strength[name][row]) / usual.limits[name]) >= 1
        ]
        reasons += _of_peaks(evidence.peaks[row], usual)
        explained.append(in_order(reasons)[:MOST_REASONS])
    return explained


def in_order(reasons: Sequence[Reason]) -> list[Reason]:
    """Return reasons strongest first; symptoms follow all others where another object is told.

    A second object leaves peaks and broad residuals, which do not say what it is.
    """
    other = any(reason.cause in OTHER_OBJECT for reason in reasons)

    def key(reason: Reason) -> tuple[bool, float]:
        symptom = reason.cause in SYMPTOMS and not reason.suggestion
        return other and symptom, -reason.strength

    return sorted(reasons, key=key)


def suggested_class(reasons: Sequence[Reason]) -> str:
    """Return the class that the strongest reason with one suggests; empty = none."""
    return next((reason.suggestion for reason in reasons if reason.suggestion), "")


def as_text(reasons: Sequence[Reason]) -> str:
    """Return the reasons as one line."""
    return "; ".join(f"{reason.text} [{reason.strength:.1f}]" for reason in reasons)


def reason_columns(reasons: Sequence[Reason]) -> dict[str, str | float]:
    """Return the columns of a catalogue that tell the reasons of one object."""
    return {
        "reason": reasons[0].cause if reasons else "",
        "reason_strength": max((reason.strength for reason in reasons), default=float("nan")),
        "suggested_class": suggested_class(reasons),
        "reasons": as_text(reasons),
    }


def _of_peaks(peaks: Sequence[Peak], usual: UsualEvidence) -> list[Reason]:
    """Return the strongest unexplained peak as a reason, else one at a line or beside it."""
    for peak in sorted(peaks, key=lambda peak: (_expected(peak), -abs(peak.significance))):
        strength = abs(peak.significance) / PEAK_LIMIT
        if strength < 1:
            continue
        kind = "peak" if peak.significance > 0 else "dip"
        text = f"{kind} of the residual at {peak.wave:.0f} Å observed, {peak.significance:+.0f}σ"
        at = int(peak.wave / PEAK_BIN)
        share = float(usual.peak_share[at]) if at < len(usual.peak_share) else 0.0
        if _is_artefact(peak):
            text += ": where [N I] of the sky leaves artefacts"
        elif peak.line:
            text += f": {peak.line} is not as the model has it"
        elif peak.wing:
            text += f": beside {peak.wing}, whose profile is not as the model has it"
        elif peak.sky:
            text += ": a sky line"
        elif share > COMMON_PEAK:
            text += f": as {100 * share:.0f} % of all have it, an artefact"
        else:
            text += ": no line at this redshift"
        most = EXPECTED_PEAK if _expected(peak) else STRONG
        return [Reason("residual peak", text, min(strength, most), _suggested_by(peak))]
    return []


def _expected(peak: Peak) -> bool:
    """Return whether a peak is where the object's own lines are."""
    return bool(peak.line or peak.wing) and not _is_artefact(peak)


def _is_artefact(peak: Peak) -> bool:
    """Return whether a peak is at `ARTEFACT`, and no strong line of the object is there."""
    there = ARTEFACT[0] < peak.wave < ARTEFACT[1] and peak.significance > 0
    return there and not peak.wing and peak.line not in STRONG_LINES


def _suggested_by(peak: Peak) -> str:
    if _is_artefact(peak):
        return "NI-5200"
    if peak.line == "He II" and peak.significance > 0:
        return "WolfRayet"
    return "Sky Contamination" if peak.sky and not _expected(peak) else ""
