"""Pictures of a posterior."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Optional

from ..errors import Errors


def plot_kl(levels: Optional[Dict[str, Any]], path: Path) -> None:
    """Draw the KL divergence of each latent dimension as bars, the largest first, a picture a level.

    levels (Optional[Dict[str, Any]]): `levels` of what `spacy_vaedie.analysis.inspection.inspect_encoder` gives.
    path (Path): File to write: .svg, .png or .pdf.
    RAISES (ImportError): VE901 where matplotlib is not installed.
    RAISES (ValueError): VE118 where there are no latents, VE302 for a file of another kind.
    """
    if levels is None:
        raise ValueError(Errors.VE118)
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        requirement = "spacy-vaedie[plot]"
        raise ImportError(Errors.VE901.format(thing="A plot", package="matplotlib", requirement=requirement)) from error
    if path.suffix not in (".svg", ".png", ".pdf"):
        raise ValueError(Errors.VE302.format(path=path, suffix=path.suffix, options=".svg, .png, .pdf"))
    # A figure of its own, and no pyplot: nothing is shown, and no state stays behind.
    figure = Figure(figsize=(8, 3 * len(levels)), layout="constrained")
    for axes, (level, found) in zip(figure.subplots(len(levels), 1, squeeze=False)[:, 0], levels.items(), strict=True):
        values = sorted(found["kl_per_dimension"], reverse=True)
        axes.bar(range(len(values)), values, color="#4c72b0")
        axes.set_title(f"{level}: {found['active_units']} of {found['width']} dimensions active")
        axes.set_xlabel("dimension, by its KL divergence")
        axes.set_ylabel("KL (nats)")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
