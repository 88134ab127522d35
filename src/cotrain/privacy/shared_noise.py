"""What it costs to release a score of each owner beside the opened sums, where one noise protects both.

Every honest owner's noise is an independent Skellam vector. Change one row: the sums of a run change by `d`, its
owner's score by an inner product with `d`, nobody else's. The same view arises without the change if `d` is taken from
the noise instead, a part from that of each of `honest` owners, and if the noises of the scores make up for the rest. So
the cost of the whole view is at most that of moving these noises, each of which is drawn for itself: two events, which
the accountant adds as usual. Theorem and proof: docs/proofs/scores-and-sums.md.
"""

import math

from cotrain.privacy.rdp import Sensitivity


def split_sensitivity(sensitivity: Sensitivity, honest: int) -> Sensitivity:
    """Return how far the noises of `honest` owners move together to hide a change of their sum.

    An entry of the change, an integer x, is divided into `honest` integers that differ by at most one, all of x's
    sign: their squares add up to at most x^2 / honest + min(honest / 4, |x|).

    Args:
        sensitivity: Of one round's sum.
        honest: Owners among whom the change is divided, at least 1.

    Returns:
        Bounds of a vector with an entry for each owner and each entry of the sum.
    """
    squares = -(-sensitivity.l2 * sensitivity.l2 // honest) + _rounding(sensitivity, honest)
    l2 = math.isqrt(squares - 1) + 1
    return Sensitivity(l2=l2, l1=sensitivity.l1, dimension=honest * sensitivity.dimension)


def left_for_scores(sensitivity: Sensitivity, honest: int) -> int:
    """Return how far the scores still move, for a validation gradient of length one (Euclidean norm over all owners).

    The change that is divided leaves sqrt((honest - 1) / honest) < 1 of its product with the gradient, and what
    dividing into integers adds.
    """
    return sensitivity.l2 + math.isqrt(_rounding(sensitivity, honest)) + 1


def _rounding(sensitivity: Sensitivity, honest: int) -> int:
    """Return by how much the squares grow because parts are whole; nothing is divided for one owner."""
    if honest == 1:
        return 0
    return min(-(-sensitivity.dimension * honest // 4), sensitivity.l1)
