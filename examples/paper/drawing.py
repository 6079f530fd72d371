"""The picture of transfer_and_untrained.py: slices of every object, and how the chains got there."""

import numpy as np

from cdi_ml_plugin import diffraction
from cdi_ml_plugin.physics.windows import object_window
from cdi_ml_plugin.view.style.colours import phase_map
from cdi_ml_plugin.view.style.slices import PLANES, new_figure, show

COLOURS = ("0.45", "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7")
DARK = 1e-9  # of the brightest voxel, where the colours of a pattern begin
FAINT = 1e-4  # of the highest amplitude, where those of a distance do


def draw(truth, results, content):
    """Draw pairs of (what is known, object aligned onto the truth)."""
    rows = len(results) + 1
    figure = new_figure(11, 1.95 * rows + 4)
    upper, lower = figure.subfigures(2, 1, height_ratios=[1.95 * rows, 4])
    size, brightest = np.abs(truth).max(), diffraction(truth).max()
    centre, window = object_window(np.abs(truth))
    middle, everything = [n // 2 for n in truth.shape], [slice(0, n) for n in truth.shape]
    for axes, (about, obj) in zip(
        upper.subplots(rows, 4), [({"label": "truth"}, truth), *results], strict=True
    ):
        pattern = np.log10(np.maximum(diffraction(obj) / brightest, DARK))
        amplitude = np.abs(obj) / size
        phase = np.where(amplitude > 0.1, np.angle(obj), np.nan)
        wrong = np.log10(np.maximum(np.abs(obj - truth) / size, FAINT))
        for ax, title, volume, at, cut, low, high, colours in (
            (axes[0], "log₁₀ |F|²", pattern, middle, everything, np.log10(DARK), 0, "viridis"),
            (axes[1], "amplitude", amplitude, centre, window, 0, 1.1, "viridis"),
            (axes[2], "phase (rad)", phase, centre, window, -np.pi, np.pi, phase_map()),
            (axes[3], "log₁₀ |ρ − truth|", wrong, centre, window, np.log10(FAINT), 0, "inferno"),
        ):
            image = show(ax, volume, PLANES[0], tuple(at), cut, vmin=low, vmax=high, cmap=colours)
            ax.set(xlabel="", ylabel="", title="")
            upper.colorbar(image, ax=ax).ax.tick_params(labelsize=8)
            if about["label"] == "truth":
                ax.set_title(title, fontsize=10)
        said = about["label"].replace(" + HIO + ", "\n+ HIO + ")
        if "chi2" in about:
            said += f"\nχ² {about['chi2']:.2g}\nerror {about['object_error']:.2g}"
        axes[0].set_ylabel(said, fontsize=9, rotation=0, ha="right", va="center")
    by_step, by_time, by_q = lower.subplots(1, 3)
    for (about, _), colour in zip(results, COLOURS, strict=True):
        history = about["history"]
        chi2 = np.minimum.accumulate(history["chi2"])
        if about["label"] in ("transfer", "untrained"):
            by_step.loglog(history["step"], chi2, color=colour)
        by_time.loglog(history["seconds"], chi2, color=colour)
        ratio = about["spectral_weight"] / content["true_spectral_weight"]
        by_q.plot(content["q"], ratio, color=colour, label=about["label"])
    by_step.set(xlabel="epoch", ylabel="lowest χ² so far")
    by_time.set(xlabel="seconds", ylabel="lowest χ² so far")
    by_q.set(xlabel="|Q| (Nyquist frequency = 1)", ylabel="spectral weight, to the true one")
    by_q.axhline(1, color="black", linewidth=0.8)
    for ax in (by_step, by_time, by_q):
        ax.grid(True, color="0.92")
        ax.set_axisbelow(True)
    lower.legend(loc="outside lower center", ncols=len(results), frameon=False, fontsize=9)
    return figure
