"""What the list of outliers may leave out, or put last."""

UNLABELLED, GOOD, UNSATURATED = "unlabelled first", "good reconstruction only", "not line-saturated"
OPTIONS = (UNLABELLED, GOOD, UNSATURATED)
"""As they stand in addresses."""
LABELS = {UNSATURATED: "no strong line emitters"}
"""What is written on screen, where that differs."""
CUTS_OF = {"neg_log_p": (UNSATURATED,), "neg_log_p_rank": (UNSATURATED,)}
"""Options that are ticked when a user chooses a score, as in Liang+2023, section 5.2."""
