import csv
import json
import shutil
import signal
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr
from safetensors.numpy import load_file

from data.commands import from_flat_values, settings_of
from data.survey import Survey
from model.__main__ import main
from model.interface import SpectrumModel
from model.splits import split_source
from model.store.checkpoints import read_checkpoint, write_checkpoint
from model.store.storage import load_model
from model.training.config import RECIPES, TrainConfig, read_recipe
from model.training.course.history import History, read_history
from model.training.course.schedule import Clock, one_cycle
from model.training.objective import Objective
from model.training.trainer import Trainer
from tests.fixtures.training import (
    GRID,
    ROOT,
    TINY,
    command,
    environment,
    launched,
    losses,
    write_survey,
)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_survey(tmp_path_factory.mktemp("training") / "survey")


def _train(survey: Path, out: Path, *options: str) -> int:
    return main(["train", str(survey), "--out", str(out), *TINY, *options])


def test_command_makes_a_model_that_opens_and_has_learnt(survey, tmp_path, capsys):
    out = tmp_path / "model"
    options = ("--epochs", "150", "--seed", "3", "--learning-rate", "5e-3")
    assert _train(survey, out, *options) == 0
    model = load_model(out)
    assert isinstance(model, SpectrumModel)
    assert model.n_latent == 2
    info = json.loads((out / "model.json").read_text())
    training, metrics = info["training"], info["metrics"]
    assert training["seed"] == 3
    assert training["config"]["epochs"] == 150
    assert training["survey"] == {"kind": "survey", "path": str(survey.resolve())}
    assert sum(training["split"][part] for part in ("train", "valid", "test")) == 60
    assert "blake2b" in training["split"]["rule"]
    assert training["versions"]["torch"] == torch.__version__
    rows = read_history(out / "history.csv")
    assert rows[-1]["valid_fidelity"] < rows[0]["valid_fidelity"] / 10
    assert metrics["fidelity_valid"] == pytest.approx(
        min(row["valid_fidelity"] for row in rows), rel=1e-4
    )
    spectra = Survey(survey).read(slice(0, 60))
    flux, valid = model.reconstruct(model.encode(spectra), spectra.z, GRID)
    chi2 = np.mean((spectra.flux - flux)[valid] ** 2) * 100
    mean = np.mean((spectra.flux - spectra.flux.mean(axis=0))[valid] ** 2) * 100
    assert chi2 < mean / 2
    assert "fidelity_valid" in capsys.readouterr().err


@pytest.mark.slow
def test_killed_training_resumes_to_bitwise_the_same_losses(survey, tmp_path):
    """SIGKILL in the middle of an epoch, twice; all losses, a guide, streamed spectra."""
    options = ("--config", "full", "--epochs", "16", "--checkpoint-minutes", "0", "--seed", "2")
    options += ("--memory-gb", "0", "--window-rows", "20", "--valid-every", "2", "--warm-start")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = subprocess.run(
        command(survey, whole, *options), env=environment(), cwd=ROOT, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    for rows_before_kill in (4, 12):
        resume = ("--resume",) if (killed / "checkpoints").exists() else ()
        process = subprocess.Popen(
            command(survey, killed, *options, *resume),
            env=environment(),
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )
        while len(read_history(killed / "history.csv")) < rows_before_kill:
            assert process.poll() is None, "it must still run when it is killed"
            time.sleep(0.01)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert not (killed / "model.json").exists()
    assert main(["train", str(survey), "--out", str(killed), "--resume"]) == 0
    assert losses(killed) == losses(whole)
    assert "train_guide" in losses(whole)[0]
    one, other = load_file(whole / "model.safetensors"), load_file(killed / "model.safetensors")
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_training_does_not_go_on_without_its_guide(survey, tmp_path, capsys):
    out, options = tmp_path / "model", ("--epochs", "2", "--warm-start")
    assert _train(survey, out, *options) == 0
    (out / "model.json").unlink()
    (out / "checkpoints" / "guide.safetensors").unlink()
    assert _train(survey, out, "--resume", *options) == 2
    assert "guide.safetensors" in capsys.readouterr().err


def test_decoder_rests_while_the_guide_leads_alone_and_then_learns(survey, tmp_path, monkeypatch):
    seen, forward = [], Objective.forward

    def watched(self, batch, k1, generator, world=1, guidance=0.0):
        if self.training:
            weight = self.model.decoder.mlp[-2].weight.detach().clone()
            seen.append((guidance, weight))
        return forward(self, batch, k1, generator, world, guidance)

    monkeypatch.setattr(Objective, "forward", watched)
    options = ("--config", "full", "--epochs", "12", "--warm-start", "--weight-decay", "0.1")
    assert _train(survey, tmp_path / "model", *options) == 0
    seen = seen[1:]  # the first only tries the memory
    alone = [weight for guidance, weight in seen if guidance == 1]
    assert len(alone) > 10
    assert all(np.array_equal(weight, alone[0]) for weight in alone)
    free = [weight for guidance, weight in seen if guidance < 1]
    steps = [float((after - before).abs().max()) for before, after in pairwise(free)]
    assert 0 < max(steps) < 2e-3  # not much more than the learning rate


def test_terminated_training_saves_and_says_so(survey, tmp_path):
    out = tmp_path / "model"
    process = subprocess.Popen(
        command(survey, out, "--epochs", "100000", "--valid-every", "1"),
        env=environment(),
        cwd=ROOT,
        stderr=subprocess.PIPE,
    )
    while len(read_history(out / "history.csv")) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    process.terminate()
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in messages
    assert (out / "checkpoints" / "last.safetensors").is_file()


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one(survey, tmp_path):
    options = ("--config", "fidelity-similarity", "--epochs", "3", "--batch-size", "15")
    options += ("--learning-rate", "1e-4", "--warm-start", "--augmented", "0")  # random per process
    assert _train(survey, tmp_path / "one", *options) == 0
    launch = launched(command(survey, tmp_path / "two", *options))
    done = subprocess.run(launch, env=environment(), cwd=ROOT, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert len(one) == len(two) > 0
    for row, expected in zip(two, one, strict=True):
        assert row.pop("gradient_norm") == pytest.approx(expected.pop("gradient_norm"), rel=1e-4)
        assert row == pytest.approx(expected, rel=2e-5)
    info = json.loads((tmp_path / "two" / "model.json").read_text())
    assert info["training"]["processes"] == 2


def test_streamed_and_kept_spectra_give_the_same_losses(survey, tmp_path):
    assert _train(survey, tmp_path / "kept", "--epochs", "3") == 0
    streamed = ("--memory-gb", "0", "--window-rows", "16384")
    assert _train(survey, tmp_path / "streamed", "--epochs", "3", *streamed) == 0
    assert losses(tmp_path / "kept") == losses(tmp_path / "streamed")


@pytest.mark.parametrize("start", ["--warm-start", "--no-warm-start"])
def test_spoilt_spectrum_stops_the_training_and_is_named(tmp_path, capsys, start):
    survey = write_survey(tmp_path / "survey", spoil=7)
    assert _train(survey, tmp_path / "model", "--epochs", "1", start) == 2
    message = capsys.readouterr().err
    assert "the loss is not finite at step" in message
    assert "266-51630-0007" in message
    assert message.count("266-51630-") == 1


@pytest.mark.parametrize("start", ["--warm-start", "--no-warm-start"])
def test_out_of_memory_names_the_batch_that_fits(survey, tmp_path, capsys, monkeypatch, start):
    forward = Objective.forward

    def small_device(self, batch, *others):
        if len(batch.z) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, batch, *others)

    monkeypatch.setattr(Objective, "forward", small_device)
    assert _train(survey, tmp_path / "model", "--epochs", "1", start) == 2
    assert "batch of 16 spectra; --batch-size 4 fits" in capsys.readouterr().err


def test_minutes_are_kept_and_the_schedule_completes(survey, tmp_path, monkeypatch):
    """By a clock on which a step takes a second: it ends with the step that reaches the limit."""
    steps, step = [], Trainer._step

    def ticking(self, *arguments):
        step(self, *arguments)
        steps.append(self)

    monkeypatch.setattr(Trainer, "_step", ticking)
    monkeypatch.setattr(Clock, "seconds", property(lambda _clock: float(len(steps))))
    assert _train(survey, tmp_path / "model", "--minutes", "0.5") == 0
    info = json.loads((tmp_path / "model" / "model.json").read_text())
    assert info["training"]["steps"] == len(steps) == 30
    assert info["training"]["seconds"] == 30
    rates = [row["learning_rate"] for row in read_history(tmp_path / "model" / "history.csv")]
    assert rates[-1] == pytest.approx(1e-3 / 25 / 1e4)


def test_early_stop_ends_a_training_without_gain(survey, tmp_path):
    options = ("--patience", "2", "--valid-every", "1", "--learning-rate", "1e-12")
    assert _train(survey, tmp_path / "model", "--epochs", "500", *options) == 0
    info = json.loads((tmp_path / "model" / "model.json").read_text())
    assert info["training"]["steps"] < 100
    assert info["training"]["steps"] == info["training"]["best_step"] + 2


@pytest.mark.parametrize(
    "options",
    [
        ("--config", "full"),
        ("--config", "superres", "--rest-pixels", "300", "--hidden", "16"),
        ("--config", "two-latent"),
        ("--precision", "bf16", "--augmented", "0.5", "--warm-start"),
        ("--scale-free", "--config", "full"),
    ],
)
def test_every_kind_of_training_runs(survey, tmp_path, options):
    assert _train(survey, tmp_path / "model", "--epochs", "1", *options) == 0
    rows = read_history(tmp_path / "model" / "history.csv")
    assert all(np.isfinite(list(row.values())).all() for row in rows)


def test_tensorboard_is_written_on_demand(survey, tmp_path):
    assert _train(survey, tmp_path / "model", "--epochs", "1", "--tensorboard") == 0
    assert list((tmp_path / "model" / "tensorboard").glob("events.*"))


def test_training_goes_on_from_another_model(survey, tmp_path, capsys):
    assert _train(survey, tmp_path / "first", "--epochs", "30") == 0
    options = ("--epochs", "1", "--start-from", str(tmp_path / "first"))
    assert _train(survey, tmp_path / "second", *options, "--learning-rate", "1e-6") == 0
    first, second = (
        load_file(tmp_path / name / "model.safetensors") for name in ("first", "second")
    )
    for name, weight in first.items():
        np.testing.assert_allclose(second[name], weight, atol=1e-4)
    assert _train(survey, tmp_path / "third", *options, "--hidden", "16", "8") == 2
    assert "does not fit the settings" in capsys.readouterr().err
    assert _train(survey, tmp_path / "third", *options[:3], str(tmp_path / "none")) == 2
    assert _train(survey, tmp_path / "third", *options, "--rest-pixels", "151") == 2
    assert "its rest_grid is" in capsys.readouterr().err


def test_pca_is_reached_through_the_same_command(survey, tmp_path):
    assert _train(survey, tmp_path / "model", "--model", "pca") == 0
    assert load_model(tmp_path / "model").kind == "pca"
    metrics = json.loads((tmp_path / "model" / "model.json").read_text())["metrics"]
    assert metrics["fidelity_valid"] < 2


def test_command_line_comes_before_recipe_before_default(tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text('latents = 3\nlearning_rate = 1\nhidden = [8, 9]\nactivation = "speculator"')
    given = {"survey": Path("s"), "out": tmp_path / "m", "config": str(recipe)}
    config = TrainConfig.from_options(**given, latents=6)
    assert (config.network.latents, config.network.hidden) == (6, (8, 9))
    assert config.optimizer.learning_rate == 1.0
    assert config.network.activation == "speculator"
    assert config.losses.k0 == TrainConfig(survey=Path("s"), out=Path("m")).losses.k0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("latent = 3", "unknown setting latent; did you mean latents"),
        ("latents = 3.5", "latents must be int, got 3.5"),
        ("latents = true", "latents must be int, got True"),
        ('resume = true\nout = "x"', "out, resume belong on the command line"),
        ('precision = "fp8"', "precision must be one of"),
        ("latents = ", "is not TOML"),
        ("hidden = 3", "hidden must be a list of int"),
        ('hidden = ["a"]', "hidden must be a list of int"),
    ],
)
def test_bad_recipe_is_refused(tmp_path, content, message):
    path = tmp_path / "bad.toml"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_recipe(str(path))


def test_unknown_recipe_names_the_known_ones():
    with pytest.raises(ValueError, match="one of fidelity, fidelity-similarity, full"):
        read_recipe("fulll")


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_recipe_holds_settings(path):
    recipe = read_recipe(path.stem)
    values = {"survey": Path("s"), "out": Path("m")} | recipe
    config = from_flat_values(TrainConfig, values).to_dict()
    assert {name: config[name] for name in recipe} == {
        name: list(value) if isinstance(value, tuple) else value for name, value in recipe.items()
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--latents", "0"), "latents must be at least 1, got 0"),
        (("--learning-rate", "nan"), "learning_rate must be positive"),
        (("--augmented", "2"), "augmented must lie in 0..1"),
        (("--precision", "fp16"), "fp16 needs a GPU"),
        (("--rest-first", "9000", "--rest-last", "8000"), "rest_first must lie below rest_last"),
    ],
)
def test_bad_setting_is_a_mistake_of_the_user(survey, tmp_path, capsys, options, message):
    assert _train(survey, tmp_path / "model", "--epochs", "1", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "model" / "model.json").exists()


def test_a_model_is_not_written_into_a_folder_that_holds_something_else(survey, tmp_path, capsys):
    own = tmp_path / "model"
    own.mkdir()
    (own / "README.md").write_text("my notes")
    before = sorted(survey.iterdir())
    for out in (own, survey):
        for options in ((), ("--resume",), ("--model", "infovae", "--search", "2")):
            assert _train(survey, out, "--epochs", "1", *options) == 2
            assert "holds something else than a training" in capsys.readouterr().err
    assert [path.read_text() for path in own.iterdir()] == ["my notes"]
    assert sorted(survey.iterdir()) == before


def test_what_a_training_leaves_before_its_first_checkpoint_is_written_over(
    survey, tmp_path, monkeypatch
):
    out = tmp_path / "model"

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_loop", stop)
        assert _train(survey, out, "--epochs", "1", "--warm-start", "--tensorboard") == 130
    assert {path.name for path in out.iterdir()} == {"history.csv", "tensorboard", "checkpoints"}
    assert _train(survey, out, "--epochs", "1", "--warm-start") == 0


def test_two_trainings_of_one_folder_do_not_meet(survey, tmp_path, monkeypatch, capsys):
    """The second is tried whenever the first validates."""
    out, codes, add = tmp_path / "model", [], History.add

    def tried(self, row):
        add(self, row)
        other = command(survey, out, "--epochs", "3", "--resume")
        codes.append(subprocess.run(other, env=environment(), cwd=ROOT, capture_output=True))

    monkeypatch.setattr(History, "add", tried)
    assert _train(survey, out, "--epochs", "3", "--valid-every", "6") == 0
    rows = [row["step"] for row in read_history(out / "history.csv")]
    assert len(codes) == len(rows) == len(set(rows)) >= 2
    for done in codes:
        assert done.returncode == 2
        assert f"another process is writing {out}" in done.stderr.decode()


def test_a_model_saved_meanwhile_is_not_replaced(survey, tmp_path, monkeypatch, capsys):
    """On a file system without locks."""
    out, train = tmp_path / "model", Trainer.train

    def train_then_see_another(self):
        best = train(self)
        (out / "model.json").write_text("of another process")
        return best

    monkeypatch.setattr(Trainer, "train", train_then_see_another)
    assert _train(survey, out, "--epochs", "1") == 2
    assert "another command has saved a model" in capsys.readouterr().err
    assert (out / "model.json").read_text() == "of another process"
    monkeypatch.undo()
    (out / "model.json").unlink()
    assert _train(survey, out, "--epochs", "1", "--resume") == 0


def test_finished_and_unfinished_folders_are_protected(survey, tmp_path, capsys):
    out = tmp_path / "model"
    assert _train(survey, out, "--epochs", "1") == 0
    assert _train(survey, out, "--epochs", "1") == 2
    assert "holds a finished model" in capsys.readouterr().err
    (out / "model.json").unlink()
    assert _train(survey, out, "--epochs", "1") == 2
    assert "add --resume" in capsys.readouterr().err
    assert _train(survey, out, "--epochs", "2", "--resume") == 2
    assert "keeps its settings; epochs was 1, got 2" in capsys.readouterr().err
    assert _train(survey, out, "--epochs", "1", "--resume") == 0


def test_checkpoint_that_does_not_tell_the_width_is_gone_on_with(survey, tmp_path):
    """Before the encoder's channels were a setting, checkpoints did not hold them."""
    out = tmp_path / "model"
    assert _train(survey, out, "--epochs", "1") == 0
    finished = load_file(out / "model.safetensors")
    (out / "model.json").unlink()
    checkpoint = out / "checkpoints" / "last.safetensors"
    tensors, state = read_checkpoint(checkpoint)
    del state["config"]["channels"]
    write_checkpoint(checkpoint, tensors, state)
    assert main(["train", str(survey), "--out", str(out), "--resume"]) == 0
    again = load_file(out / "model.safetensors")
    assert all(np.array_equal(again[name], weight) for name, weight in finished.items())


def test_resuming_on_other_objects_is_refused(survey, tmp_path, capsys):
    out = tmp_path / "model"
    assert _train(survey, out, "--epochs", "1") == 0
    (out / "model.json").unlink()
    other = write_survey(tmp_path / "other", n=80)
    assert _train(other, out, "--epochs", "1", "--resume") == 2
    assert "other objects" in capsys.readouterr().err


def test_resuming_on_changed_spectra_is_refused(survey, tmp_path, capsys):
    own, out = tmp_path / "survey", tmp_path / "model"
    shutil.copytree(survey, own)
    assert _train(own, out, "--epochs", "1") == 0
    (out / "model.json").unlink()
    array = zarr.open_group(str(own / "spectra.zarr"), mode="r+")["flux"]
    array[:] = array[:][::-1]
    assert _train(own, out, "--epochs", "1", "--resume") == 2
    assert "spectra or the catalogue of the survey have changed" in capsys.readouterr().err
    assert _train(survey, out, "--epochs", "1", "--resume") == 0


def test_a_last_batch_of_one_spectrum_has_scale_free_losses(survey, tmp_path):
    n_train = len(split_source(Survey(survey), object_class="any", rest_first=3000.0).train)
    options = ("--consistency", "1", "--similarity", "1", "--scale-free", "--epochs", "2")
    out = tmp_path / "model"
    assert _train(survey, out, *options, "--batch-size", str(n_train - 1)) == 0
    assert all(np.isfinite(row["train_consistency"]) for row in read_history(out / "history.csv"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--scale-free", "--batch-size", "1"), "scale_free needs a batch_size of at least 2"),
        (("--mmd", "0.5"), "mmd must be at least 1"),
        (("--mmd", "nan"), "mmd must be at least 1"),
        (("--dropout", "-0.5"), "dropout must be at least 0"),
        (("--dropout", "1"), "dropout must be at least 0"),
        (("--checkpoint-minutes", "nan"), "checkpoint_minutes must be at least 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(survey, tmp_path, capsys, options, message):
    assert _train(survey, tmp_path / "model", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_too_few_objects_are_refused_with_the_counts(tmp_path, capsys):
    few = write_survey(tmp_path / "few", n=1)
    assert _train(few, tmp_path / "model", "--epochs", "1") == 2
    assert "needs at least 2 objects to train and 1 to validate" in capsys.readouterr().err


def test_one_cycle_is_that_of_torch():
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([weight], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=1001)
    for step in range(1001):
        rate, beta = one_cycle(step / 1000, max_rate=2e-3)
        # torch ends its warm-up at step 0.3 * 1001 - 1, this one at 0.3 * 1000
        assert rate == pytest.approx(schedule.get_last_lr()[0], abs=1e-5)
        assert beta == pytest.approx(optimizer.param_groups[0]["betas"][0], abs=1e-3)
        optimizer.step()
        if step < 1000:
            schedule.step()


def test_clock_ends_with_whichever_limit_comes_first():
    assert Clock(n_step=10, limit=None).progress(5) == 0.5
    assert Clock(n_step=10, limit=100.0, before=80.0).progress(5) == pytest.approx(0.8, abs=0.01)
    assert Clock(n_step=10, limit=100.0, before=800.0).progress(5) == 1.0
    with pytest.raises(ValueError, match="a number of steps or a time limit"):
        Clock(n_step=None, limit=None)


def test_history_survives_a_line_cut_short(tmp_path):
    path = tmp_path / "history.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["step", "train_loss"])
        writer.writeheader()
        writer.writerow({"step": 1, "train_loss": 0.5})
        file.write("2,0.")
    assert read_history(path) == [{"step": 1.0, "train_loss": 0.5}]


def test_every_setting_has_a_help_line():
    assert all(field.metadata["help"] for field, _ in settings_of(TrainConfig).values())
