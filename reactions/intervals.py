"""Wilson's interval for a part of a whole; docs/metrics.md names the source."""

from __future__ import annotations

import math

Z_95 = 1.959964  # standard errors to both sides that hold 95 %


def wilson(part: float, of: float, *, z: float = Z_95) -> tuple[float, float]:
    """Between which shares the true one lies. `of` is more than 0, and `part` between 0 and `of`."""
    share, weight = part / of, z * z / of
    middle = (share + weight / 2) / (1 + weight)
    error = math.sqrt(weight * share * (1 - share) + weight * weight / 4) / (1 + weight)
    return max(middle - error, 0.0), min(middle + error, 1.0)
