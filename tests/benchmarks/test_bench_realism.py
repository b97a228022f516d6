"""The page of realism is made where no real spectra are at hand, too."""

from benchmarks.bench_realism import main


def test_page_without_real_galaxies(tmp_path, capsys):
    main(["--n", "60", "--real", str(tmp_path / "nowhere"), "--out", str(tmp_path)])
    page = (tmp_path / "realism.md").read_text(encoding="utf-8")
    assert page == capsys.readouterr().out[:-1]
    assert "| 12 + log O/H at each mass | Curti+2020" in page
    assert "## Real galaxies" not in page
    assert (tmp_path / "realism-planes.png").stat().st_size > 20_000
