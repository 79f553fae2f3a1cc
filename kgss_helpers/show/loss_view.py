"""A loss that falls while one watches."""

from __future__ import annotations

import ipywidgets as ipw
import pandas as pd

from kgss_helpers.show.palette import BLUE, GREY


def loss_curve(history: pd.DataFrame) -> str:
    """The loss by step as an SVG picture with its last value in words; a waiting line before the first loss."""
    losses = history.dropna(subset="loss") if "loss" in history else history
    if losses.empty:
        return "The curve appears with the first steps."
    step, loss = losses["step"].to_numpy(dtype=float), losses["loss"].to_numpy(dtype=float)
    width, height, edge = 560, 160, 12
    x = edge + (step - step[0]) / max(step[-1] - step[0], 1.0) * (width - 2 * edge)
    low, span = loss.min(), max(float(loss.max() - loss.min()), 1e-9)
    y = height - edge - (loss - low) / span * (height - 2 * edge)
    line = " ".join(f"{a:.0f},{b:.0f}" for a, b in zip(x, y, strict=True))
    said = f"step {step[-1]:.0f}: loss {loss[-1]:.2f}; first {loss[0]:.2f}, lowest {low:.2f}"
    return (
        f"<svg role='img' aria-label='Loss, {said}' viewBox='0 0 {width} {height}' width='{width}' height='{height}'>"
        f"<rect width='{width}' height='{height}' fill='none' stroke='{GREY}'/>"
        f"<polyline points='{line}' fill='none' stroke='{BLUE}' stroke-width='3'/></svg><div>{said}</div>"
    )


class LossCurve(ipw.HTML):
    """A curve that grows while a model trains: give its `draw` to the training as ``on_log``."""

    def __init__(self) -> None:
        super().__init__(loss_curve(pd.DataFrame()))

    def __repr__(self) -> str:
        return "<the loss while it falls: run this cell in JupyterLab>"

    def draw(self, history: pd.DataFrame) -> None:
        """Shows the history so far."""
        self.value = loss_curve(history)
