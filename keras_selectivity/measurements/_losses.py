"""What attacks by gradients differentiate, and what the rows of either call it."""

from typing import Literal
from typing import TypeAlias

from keras_selectivity._settings import Several

Loss: TypeAlias = Literal["log_odds", "cross_entropy"]
Losses: TypeAlias = Several[Loss]
# The exact one first, along which whatever offers no choice attacks
LOSSES: tuple[Loss, ...] = ("log_odds", "cross_entropy")


def along(attack: str, loss: str) -> str:
    """The perturbation of rows: the attack itself along the exact gradient, which others are told from."""
    return attack if loss == "log_odds" else f"{attack} by {loss.replace('_', '-')}"
