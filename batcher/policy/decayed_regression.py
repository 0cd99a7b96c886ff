"""A straight line through what was seen lately: least squares with fading memory. Five sums, no history. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class DecayedRegression:
    """Fits y = intercept + slope · x. `memory` is the weight that a point keeps when the next one comes."""

    memory: float
    weight: float = 0.0  # of all points seen
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0

    def observe(self, x: float, y: float) -> None:
        """One more point."""
        self.weight = self.memory * self.weight + 1.0
        self.x = self.memory * self.x + x
        self.y = self.memory * self.y + y
        self.xx = self.memory * self.xx + x * x
        self.xy = self.memory * self.xy + x * y

    def include(self, other: DecayedRegression) -> None:
        """All points of another line as well, each with the weight it has there."""
        self.weight += other.weight
        self.x += other.x
        self.y += other.y
        self.xx += other.xx
        self.xy += other.xy

    @property
    def mean_x(self) -> float:
        return self.x / self.weight

    @property
    def mean_y(self) -> float:
        return self.y / self.weight

    @property
    def variance(self) -> float:
        """Of x; near zero, a line through the points means nothing."""
        return max(0.0, self.xx / self.weight - self.mean_x**2)

    @property
    def slope(self) -> float:
        """0.0 where all points have one x."""
        return (self.xy / self.weight - self.mean_x * self.mean_y) / self.variance if self.variance > 1e-9 else 0.0
