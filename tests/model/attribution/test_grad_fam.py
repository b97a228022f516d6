import copy

import numpy as np
import pytest
import torch
from torch.nn import functional

from data.grid import INSTRUMENTS, linear_grid
from data.lines.emission import LINES, find_line
from data.lines.indices import measure
from model.atlas.atlas import Atlas
from model.attribution.grad_fam import (
    RECEPTIVE_FIELD,
    SEGMENT_STEP,
    Attribution,
    attribute,
    order_by_channel,
    segment_wave,
)
from model.attribution.target import d4000_target, line_target, window_target
from model.networks.encoder import KERNELS, POOLS
from tests.fixtures.atlas import rest_spectrum

WAVE = linear_grid(2359, 9332, 7000).wave


@pytest.fixture
def spender(tiny_spender_atlas_path):
    return Atlas(tiny_spender_atlas_path)


@pytest.fixture
def pca(tiny_atlas_path):
    return Atlas(tiny_atlas_path)


def galaxies(activity):
    activity = np.atleast_1d(np.asarray(activity, dtype=float))
    return torch.tensor(rest_spectrum(WAVE, activity, np.zeros(len(activity))))


def value(target, rest):
    return target.value(rest, WAVE).numpy()


@pytest.mark.parametrize("item", LINES, ids=lambda item: item.name)
def test_line_target_is_height_above_continuum(item):
    """A Gaussian on a straight continuum: its height, whatever the continuum."""
    target = line_target(item.name)
    at = WAVE[np.abs(WAVE - item.wave).argmin()]
    for level, slope in ((1.0, 0.0), (3.0, 1e-3)):
        rest = level + slope * (WAVE - at) + 4.0 * np.exp(-0.5 * ((WAVE - at) / 3) ** 2)
        found = value(target, torch.tensor(rest[None]))[0]
        assert found == pytest.approx(4.0, abs=0.02 + abs(slope) * 45)


def test_continuum_of_a_line_avoids_its_neighbours():
    rest = torch.ones(1, len(WAVE), dtype=torch.float64)
    for name in ("[N II] 6548", "[N II] 6583", "[S II] 6716"):
        rest += torch.tensor(9 * np.exp(-0.5 * ((WAVE - find_line(name).wave) / 3) ** 2))
    assert value(line_target("Hα"), rest)[0] == pytest.approx(0, abs=0.02)


def test_d4000_target_agrees_with_the_measured_index():
    rest = galaxies([0.0, 0.3, 1.0])
    expected = measure(WAVE, rest.numpy())["d4000"]
    np.testing.assert_allclose(value(d4000_target(), rest), expected, rtol=5e-3)


def test_window_target_is_a_mean_above_its_sides():
    rest = torch.tensor(np.where((WAVE > 5000) & (WAVE < 5050), 3.0, 1.0)[None])
    assert value(window_target(5000, 5050), rest)[0] == pytest.approx(2.0, abs=0.1)
    assert value(window_target(5000, 5050, continuum=False), rest)[0] == pytest.approx(3, abs=0.1)


def test_bad_targets_are_errors():
    with pytest.raises(ValueError, match="at least 1 Angstrom wide, got 5000 to 4990"):
        window_target(5000, 4990)
    with pytest.raises(ValueError, match="line must be one of"):
        line_target("Hω")
    with pytest.raises(ValueError, match="the model covers 2359-9332"):
        value(window_target(1000, 1100), galaxies(0.5))


def test_segment_centres_and_receptive_field_are_those_of_the_encoder():
    """Ones through the encoder's convolutions and pools: which pixels reach segment k."""
    kernels = [torch.ones(1, 1, size, dtype=torch.float64) for size in KERNELS]

    def reached(pixel, n_pixel=3921):
        x = torch.zeros(1, 1, n_pixel, dtype=torch.float64)
        x[0, 0, pixel] = 1
        for kernel, pool in zip(kernels, (*POOLS, 1), strict=True):
            x = functional.conv1d(x, kernel, padding=kernel.shape[-1] // 2)
            x = functional.max_pool1d(x, pool, padding=pool // 2) if pool > 1 else x
        return x[0, 0] > 0

    half = RECEPTIVE_FIELD // 2
    assert len(reached(0)) == 72
    for segment in (20, 36, 50):
        centre = SEGMENT_STEP * segment
        assert reached(centre - half)[segment]
        assert reached(centre + half)[segment]
        assert not reached(centre - half - 1)[segment]
        assert not reached(centre + half + 1)[segment]
    grid = INSTRUMENTS["sdss"]
    np.testing.assert_allclose(segment_wave(grid, 72)[:71], grid.wave[: 71 * 55 : 55])


def test_grad_fam_is_gradient_times_attention(spender):
    """Against a finite difference of every attention weight of one channel."""
    model, target = spender.model, line_target("Hα")
    spectra = spender.source.read([4])
    result = attribute(model, spectra, target)
    encoder = model.encoders["test"]
    with torch.no_grad():
        values, attention = encoder.features(torch.tensor(spectra.flux))
        values, attention = values.double(), attention.double()
        encoder.double()  # finite differences want more digits
        model.decoder.double()

        def height(weights):
            rest = model.decoder.mlp(encoder.latents(values, weights)) + model.decoder.offset
            return target.value(rest, model.wave_rest)[0]

        channel = result.top_channel()
        for segment in range(attention.shape[2]):
            nudged = attention.clone()
            nudged[0, channel, segment] += 1e-5
            slope = (height(nudged) - height(attention)) / 1e-5
            expected = float(slope * attention[0, channel, segment])
            assert result.map[0, channel, segment] == pytest.approx(expected, rel=2e-3, abs=1e-9)


def test_channels_are_shown_where_their_kernels_look(spender):
    """A kernel with one strong tap, 6 segments to the right: its map moves there."""
    model, spectra = copy.deepcopy(spender.model), spender.source.read([0, 1])
    with torch.no_grad():
        conv3 = model.encoders["test"].conv3.weight
        conv3[256:, :, 16] *= 5
        conv3[256 + 9, :, 16] /= 5
        conv3[256 + 9, :, 10] *= 5
    result = attribute(model, spectra, line_target("Hα"))
    assert result.offset[9] == 0
    assert (np.delete(result.offset, 9) == 6).all()
    np.testing.assert_array_equal(result.aligned[:, 3, 6:], result.map[:, 3, :-6])
    assert (result.aligned[:, 3, :6] == 0).all()
    np.testing.assert_array_equal(result.aligned[:, 9], result.map[:, 9])


def test_grad_fam_has_signs_shapes_and_a_projection(spender):
    spectra = spender.source.read([3, 8, 20])
    result = attribute(spender.model, spectra, d4000_target())
    assert result.method == "grad-fam"
    n_segment = result.map.shape[2]
    assert result.map.shape == (3, 256, n_segment)
    assert (result.map > 0).any()
    assert (result.map < 0).any()
    np.testing.assert_allclose(result.projection, result.aligned.sum(axis=1), rtol=1e-4, atol=1e-8)
    decoded = torch.tensor(spender.model.decode(spender.model.encode(spectra)))
    expected = d4000_target().value(decoded, spender.model.wave_rest)
    np.testing.assert_allclose(result.value, expected, rtol=1e-4)
    peaks = np.abs(result.map).max(axis=2).mean(axis=0)
    assert peaks[result.top_channel()] == peaks.max()
    assert result.peak_wave(1) in result.wave


def test_objects_are_ordered_by_a_channel(spender):
    target = line_target("Hα")
    rows = np.arange(70, 0, -1)
    order, peaks = order_by_channel(spender.model, spender.source, rows, target, channel=17)
    assert sorted(order) == sorted(rows)
    assert (np.diff(peaks) <= 0).all()
    alone = attribute(spender.model, spender.source.read([int(order[0])]), target)
    assert alone.peaks()[0, 17] == pytest.approx(peaks[0], rel=1e-3)


def test_models_without_attention_get_input_times_gradient(pca):
    """PCA is linear in the flux: a finite step along one pixel is exact."""
    target = line_target("Hα")
    spectra = pca.source.read([10])
    spectra.ivar[spectra.ivar > 0] = 50.0
    pca.model.config.__dict__["max_snr"] = 1e12  # or weights depend on the flux
    result = attribute(pca.model, spectra, target)
    assert result.method == "input x gradient"
    assert result.map is None
    assert len(result.wave) == result.projection.shape[1] == pca.source.grid.n_pixel
    pixel = int(np.abs(spectra.wave - 6564.6 * (1 + spectra.z[0])).argmin())
    before = result.value[0]
    spectra.flux[0, pixel] *= 1.5
    after = attribute(pca.model, spectra, target).value[0]
    assert after - before == pytest.approx(0.5 * result.projection[0, pixel], rel=0.02)
    with pytest.raises(ValueError, match="no attention channels"):
        result.peaks()


def test_other_kinds_of_models_are_an_error(pca):
    class Other:
        kind = "ae"

    with pytest.raises(ValueError, match="attention of a ae model"):
        attribute(Other(), pca.source.read([1]), d4000_target())


@pytest.mark.parametrize(("value", "peak"), [(2.0, 5000.0), (-2.0, 6000.0)])
def test_peak_is_what_pulls_the_scalar_to_its_value(value: float, peak: float) -> None:
    found = Attribution(
        method="grad-fam",
        value=np.array([value]),
        wave=np.array([4000.0, 5000.0, 6000.0]),
        projection=np.array([[0.1, 1.0, -1.5]]),
    )
    assert found.peak_wave() == peak
