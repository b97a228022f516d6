import numpy as np
import pandas as pd
import pytest

from model.atlas.atlas import Atlas
from model.atlas.explainer import Explainer
from model.atlas.survey_reasons import of_origin, shared_origins


def test_a_plate_of_strange_objects_is_suspect():
    plate = np.repeat(np.arange(50), 40)
    catalog = pd.DataFrame({"plate": plate, "mjd": 51602})
    top = np.concatenate([np.flatnonzero(plate == 7)[:8], np.arange(0, 2000, 160)])
    origins = shared_origins(catalog, top)
    assert [(item.column, item.value, item.n_top) for item in origins] == [("plate", "7", 8)]
    assert "plate 7: 8 of its 40" in of_origin(catalog, 7 * 40, origins)[0].text
    assert of_origin(catalog, 0, origins) == []
    assert shared_origins(catalog, np.arange(0, 2000, 100)) == []


def test_an_atlas_explains_its_strangest(tiny_atlas_path, tmp_path):
    atlas = Atlas(tiny_atlas_path)
    explained = atlas.catalog["reasons"] != ""
    strange = atlas.catalog["strangeness"].rank(ascending=False)
    assert (strange[explained] <= 20).all()
    assert ((atlas.catalog["reason"] != "") == explained).all()
    atlas.explainer.save(tmp_path / "reasons.json")
    again = Explainer.load(tmp_path / "reasons.json", atlas.model)
    rows = [3, 50]
    assert again.reasons_of(atlas.source, atlas.latents, rows) == atlas.explainer.reasons_of(
        atlas.source, atlas.latents, rows
    )
    (tmp_path / "reasons.json").write_text('{"limits": 3}')
    with pytest.raises(ValueError, match="is damaged"):
        Explainer.load(tmp_path / "reasons.json", atlas.model)
