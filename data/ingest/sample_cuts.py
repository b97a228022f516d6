"""What a sample asks of its objects: classes, redshifts, signal to noise, quality."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from data.ingest.cells import number

LOWEST_Z = -0.01
"""Stars and galaxies of the Local Group approach us by up to 3000 km/s; below it is a mistake."""


@dataclass(frozen=True, kw_only=True)
class SampleCuts:
    """Acceptance criteria; the default takes every object with a redshift.

    Attributes:
        classes: Classes accepted, upper case; empty accepts every one.
        z: Lowest and highest redshift.
        z_err: Redshift errors must be below this.
        clean_z: Only redshifts without warning (ZWARNING 0).
        snr: Lowest median signal to noise per pixel.
        primary: Only the best observation of each object, as the survey has it (SPECPRIMARY 1).
        good_plate: Only plates whose quality is `good` or not known.
    """

    classes: tuple[str, ...] = ("GALAXY",)
    z: tuple[float, float] = (LOWEST_Z, math.inf)
    z_err: float = math.inf
    clean_z: bool = False
    snr: float = -math.inf
    primary: bool = False
    good_plate: bool = False

    def reason(self, facts: Mapping[str, Any]) -> str:
        """Return why an object is rejected before its spectrum is prepared; empty if it is not."""
        kind, z, z_err = facts["class"], number(facts["z"]), number(facts.get("z_err"))
        warning = number(facts.get("zwarning"))
        if self.classes and kind and kind not in self.classes:
            return f"class not wanted: {kind}"
        if not math.isfinite(z):
            return (
                f"no redshift: z must be finite, got {z}; --catalog can give it (with --column "
                "z=NAME where its column is not found)"
            )
        if self.classes and not kind:
            return "no class: --classes all takes such objects, --catalog can give it"
        low, high = self.z
        if not low <= z <= high:
            return f"redshift outside the sample: z must be {low:g} to {high:g}, got {z:.6g}"
        if math.isfinite(self.z_err) and not z_err < self.z_err:
            return f"redshift too uncertain: its error must be < {self.z_err:g}, got {z_err:g}"
        if self.clean_z and warning != 0:
            return f"redshift warning: ZWARNING must be 0, got {warning:g}"
        if self.primary and number(facts.get("spec_primary", 1)) == 0:
            return "not primary: the survey has a better observation of the object"
        if self.good_plate and facts.get("plate_quality", "good") not in ("good", ""):
            return f"plate quality: {facts['plate_quality']}"
        return ""

    def noise_reason(self, snr: float) -> str:
        """Return why a spectrum is too noisy; empty if it is not."""
        if snr < self.snr:
            return f"signal to noise too low: median per pixel must be {self.snr:g}, got {snr:.2f}"
        return ""


PRESETS = {
    "liang2023": SampleCuts(classes=("GALAXY",), z=(0.0, 0.5), z_err=1e-4),
    "portillo2020": SampleCuts(classes=("GALAXY", "QSO"), z=(1e-9, 0.36)),
    "nicolaou2025": SampleCuts(classes=("GALAXY", "QSO"), z=(0.0, 0.3), snr=5.0),
}
"""Samples of the papers: Liang+2023 (section 2), Portillo+2020 (section 3), Nicolaou+2025
(section 3)."""


def sample_cuts(preset: str, **changes: Any) -> SampleCuts:  # noqa: ANN401 - one of each type
    """Return the cuts of a preset (empty: the default), with what the user asks for instead.

    Args:
        preset: Name of a preset, or empty.
        changes: Fields of `SampleCuts`; None leaves one as the preset has it.

    Raises:
        ValueError: There is no such preset.
    """
    if preset and preset not in PRESETS:
        raise ValueError(f"--sample must be one of {', '.join(PRESETS)}, got {preset!r}")
    base = PRESETS[preset] if preset else SampleCuts()
    return replace(base, **{name: value for name, value in changes.items() if value is not None})
