"""An isolation forest: random cuts isolate unusual points sooner than common ones.

After F. T. Liu, K. M. Ting, Z.-H. Zhou, Isolation Forest, 2008: https://doi.org/10.1109/ICDM.2008.17
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.analytics.anomalies.series import Floats

TREES = 50
SAMPLE = 256
EULER = 0.5772156649
LEAF = -1


@dataclass(frozen=True)
class Forest:
    """Cuts of binary trees, a row for each tree. The children of the node `i` are `2 i + 1` and `2 i + 2`.

    `features`: index of the feature that a node cuts; `LEAF`: none. `cuts`: points above the cut belong to the second
    child. `depths`: number of cuts that isolate a point which ends in the node. `common_depth`: that of common points.
    """

    features: NDArray[np.int64]
    cuts: Floats
    depths: Floats
    common_depth: float

    def score(self, points: Floats) -> Floats:
        """Returns how easily each point is isolated: from 0 to 1, and about 0.5 for common points."""
        nodes = np.zeros((len(points), len(self.features)), dtype=np.int64)
        trees, rows = np.arange(len(self.features)), np.arange(len(points))[:, None]
        while (is_inner := (features := self.features[trees, nodes]) != LEAF).any():
            is_above = points[rows, features] > self.cuts[trees, nodes]
            nodes = np.where(is_inner, 2 * nodes + 1 + is_above, nodes)
        return np.asarray(2.0 ** (-self.depths[trees, nodes].mean(axis=1) / self.common_depth))


def fit(points: Floats, random: np.random.Generator) -> Forest:
    """Returns the forest of a sample: rows of points, columns of features. All trees grow by one level at a time."""
    size = min(SAMPLE, len(points))
    limit = int(np.ceil(np.log2(max(size, 2))))
    sample = points[np.concatenate([random.choice(len(points), size, replace=False) for _ in range(TREES)])]
    trees, nodes = np.repeat(np.arange(TREES), size), np.zeros(TREES * size, dtype=np.int64)
    shape = (TREES, 2 ** (limit + 1) - 1)
    features, cuts, depths = np.full(shape, LEAF, dtype=np.int64), np.zeros(shape), np.zeros(shape)
    for depth in range(limit + 1):
        order = np.lexsort((nodes, trees))
        sample, trees, nodes = sample[order], trees[order], nodes[order]
        starts = np.flatnonzero(np.append(True, (np.diff(nodes) != 0) | (np.diff(trees) != 0)))
        counts = np.diff(np.append(starts, len(nodes)))
        depths[trees[starts], nodes[starts]] = depth + _mean_depth(counts)
        low, high = np.minimum.reduceat(sample, starts), np.maximum.reduceat(sample, starts)
        can_cut = (high > low).any(axis=1)
        if depth == limit or not can_cut.any():
            break
        feature = np.where(high > low, random.random(low.shape), -1.0).argmax(axis=1)
        chosen = np.arange(len(starts)), feature
        cut = random.uniform(low[chosen], high[chosen])
        features[trees[starts], nodes[starts]] = np.where(can_cut, feature, LEAF)
        cuts[trees[starts], nodes[starts]] = cut
        is_above = sample[np.arange(len(sample)), np.repeat(feature, counts)] > np.repeat(cut, counts)
        is_kept = np.repeat(can_cut, counts)
        sample, trees, nodes = sample[is_kept], trees[is_kept], (2 * nodes + 1 + is_above)[is_kept]
    return Forest(features, cuts, depths, float(_mean_depth(np.array([size]))[0]) or 1.0)


def _mean_depth(counts: NDArray[np.int64]) -> Floats:
    """Returns the mean number of cuts that isolate one of so many points: that of a search in a random binary tree."""
    others = np.maximum(counts - 1, 1)
    return np.where(counts > 2, 2 * (np.log(others) + EULER) - 2 * others / counts, np.where(counts == 2, 1.0, 0.0))
