import math

import pytest

from model.outliers.naming import NONE, naming_table, tell_naming
from model.residuals.reasons import STRONG, Reason


def found(*causes, z=math.nan):
    """Reasons of one object, the first strong."""
    return [Reason(cause, "", STRONG - 0.1 * place, z=z) for place, cause in enumerate(causes)]


def test_a_cause_is_named_among_the_first_two():
    reasons = [found("star blend"), found("arm step", "star blend"),
               found("dust", "arm step", "star blend"), []]  # fmt: skip
    naming = tell_naming("star blend", reasons)
    assert naming.n == 4
    assert naming.named.value == pytest.approx(0.5)
    assert naming.strong.value == pytest.approx(0.75)
    assert naming.first == {"star blend": 1, "arm step": 1, "dust": 1, NONE: 1}


def test_a_redshift_must_be_the_right_one():
    reasons = [found("second redshift", z=0.2), found("second redshift", z=0.21)]
    naming = tell_naming("galaxy blend", reasons, [0.2011, 0.2])
    assert naming.named.value == pytest.approx(0.5)
    assert tell_naming("galaxy blend", reasons).named.value == 1


def test_of_a_class_without_a_known_cause_only_what_is_named_is_told():
    naming = tell_naming("QSO", [found("broad residual"), []])
    assert naming.to_dict()["named"] == [None, None, None]
    table = naming_table({"QSO": naming, "": tell_naming("", [[]])})
    assert "broad residual 1, nothing 1" in table
    assert "ordinary" in table
