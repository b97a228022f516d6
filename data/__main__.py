"""Surveys of galaxy spectra: fetch, ingest, mock, export, info."""

import sys
from collections.abc import Sequence

from data.commands import Command, run_commands

COMMANDS = (
    Command(
        "ingest",
        "FITS files and folders -> survey",
        "data.ingest.command",
        "IngestConfig",
        "ingest",
    ),
    Command(
        "fetch",
        "spectra of SDSS, DESI or SPARCL by list, cone or query -> files",
        "data.fetch.command",
        "FetchConfig",
        "fetch",
    ),
    Command("mock", "mock survey with known truth", "data.mock.survey", "MockConfig", "mock"),
    Command(
        "export",
        "survey or atlas -> HATS, HDF5 of the Multimodal Universe, Parquet",
        "data.export.command",
        "ExportConfig",
        "export",
    ),
    Command("info", "what a survey holds, as a table", "data.info", "InfoConfig", "info"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 on success, 2 on a mistake the user can mend."""
    return run_commands("python -m data", __doc__ or "", COMMANDS, argv)


if __name__ == "__main__":
    sys.exit(main())
