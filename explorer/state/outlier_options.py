"""What the list of outliers may leave out, or put last."""

UNLABELLED, GOOD, UNSATURATED = "unlabelled first", "good reconstruction only", "not line-saturated"
OPTIONS = (UNLABELLED, GOOD, UNSATURATED)
