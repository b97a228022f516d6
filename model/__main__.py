"""Models of galaxy spectra: train, atlas, evaluate, compare, recover, place, sample, exchange."""

import sys
from collections.abc import Sequence

from data.commands import Command, run_commands

COMMANDS = (
    Command("train", "survey -> model", "model.training.command", "TrainConfig", "train"),
    Command("atlas", "survey + model -> atlas", "model.atlas.build", "AtlasConfig", "build_atlas"),
    Command(
        "evaluate",
        "measure a model on a survey",
        "model.evaluation.command",
        "EvaluateConfig",
        "evaluate",
    ),
    Command(
        "compare",
        "measure several models on a survey, side by side",
        "model.comparison.command",
        "CompareConfig",
        "compare",
    ),
    Command(
        "recover",
        "measure what the scores of an atlas find",
        "model.outliers.recover",
        "RecoverConfig",
        "recover",
    ),
    Command(
        "outliers",
        "table of the strangest objects of an atlas",
        "model.outliers.catalogue",
        "OutliersConfig",
        "write_outliers",
    ),
    Command(
        "place",
        "new spectra in an atlas: latents, places, scores, neighbours, properties",
        "model.placement.command",
        "PlaceConfig",
        "place",
    ),
    Command(
        "sample",
        "galaxies drawn from an atlas's density -> survey",
        "model.sampling.command",
        "SampleConfig",
        "sample",
    ),
    Command(
        "import",
        "checkpoint of spender -> model",
        "model.store.exchange",
        "ImportConfig",
        "import_model",
    ),
    Command(
        "export",
        "model -> checkpoint of spender",
        "model.store.exchange",
        "ExportConfig",
        "export_model",
    ),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 on success, 2 on a mistake the user can mend."""
    return run_commands("python -m model", __doc__ or "", COMMANDS, argv)


if __name__ == "__main__":
    sys.exit(main())
