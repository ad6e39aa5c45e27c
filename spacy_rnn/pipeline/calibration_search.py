"""Find what makes probabilities mean what they say."""

from collections.abc import Callable

import numpy as np

LOWEST, HIGHEST = 0.05, 20.0  # temperatures
COARSE = 25  # temperatures that are tried before the search narrows
PRECISION = 1e-4  # relative
GOLDEN = (5**0.5 - 1) / 2
STEPS = 100  # of Newton's method, which mostly takes five


def fit_temperature(loss: Callable[[float], float]) -> float:
    """Find the temperature with the lowest loss.

    Several are tried, then the interval around the best one is narrowed by golden
    sections. For a softmax the loss has one minimum only.

    Args:
        loss: Of a temperature.

    Returns:
        A temperature, between LOWEST and HIGHEST.
    """
    tried = np.linspace(np.log(LOWEST), np.log(HIGHEST), COARSE)
    best = int(np.argmin([loss(float(np.exp(x))) for x in tried]))
    low, high = tried[max(best - 1, 0)], tried[min(best + 1, COARSE - 1)]

    def at(share: float) -> tuple[float, float]:
        x = float(low + share * (high - low))
        return x, loss(float(np.exp(x)))

    (left, left_loss), (right, right_loss) = at(1.0 - GOLDEN), at(GOLDEN)
    while high - low > PRECISION:
        if left_loss <= right_loss:
            high, right, right_loss = right, left, left_loss
            left, left_loss = at(1.0 - GOLDEN)
        else:
            low, left, left_loss = left, right, right_loss
            right, right_loss = at(GOLDEN)
    return float(np.exp((low + high) / 2))


def fit_logistic(log_odds: np.ndarray, truths: np.ndarray) -> tuple[float, float]:
    """Fit probabilities to truths by a temperature and a bias (Platt, 1999).

    So that few data don't make probabilities extreme, truths are taken as if there were
    one positive and one negative more.

    Args:
        log_odds: Shape (N,).
        truths: In [0, 1]. Shape (N,).

    Returns:
        The temperature, which isn't positive where what is more probable is no more
        often true, and the bias.
    """
    X = np.stack([log_odds, np.ones_like(log_odds)], axis=1)
    positives = truths.sum()
    top, bottom = (positives + 1) / (positives + 2), 1 / (len(truths) - positives + 2)
    targets = bottom + (top - bottom) * truths

    def loss(w: np.ndarray) -> float:
        scores = X @ w
        return float((np.logaddexp(0.0, scores) - targets * scores).sum())

    w = np.array([1.0, 0.0])
    for _ in range(STEPS):
        p = np.exp(-np.logaddexp(0.0, -(X @ w)))
        curvature = (X.T * (p * (1.0 - p))) @ X + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, X.T @ (p - targets))
        while loss(w - step) > loss(w) and np.abs(step).max() > PRECISION / 10:
            step /= 2
        w = w - step
        if np.abs(step).max() <= PRECISION / 10:
            break
    slope, bias = w.tolist()
    return 1.0 / slope if slope else np.inf, bias
