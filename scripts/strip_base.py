"""Write training configs without the base pipeline, for corpora that hold its parse. The base can then be any pipeline,
whatever its components are called; `assemble.py` puts what was trained on top of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, List

import typer
from thinc.api import Config

BASE = "${paths.base}"


def main(
    configs: Annotated[List[Path], typer.Argument(help="Configs")],
    output: Annotated[Path, typer.Option(help="Folder to write them to, under the same names")],
) -> None:
    """Leave out every component that is sourced from `${paths.base}`."""
    output.mkdir(parents=True, exist_ok=True)
    for path in configs:
        strip(Config().from_disk(path, interpolate=False)).to_disk(output / path.name)


def strip(config: Config) -> Config:
    """Leave out the base's components.

    config (Config): A training config, not interpolated.
    RETURNS (Config): A copy without them.
    """
    config = config.copy()
    base = {name for name, component in config["components"].items() if component.get("source") == BASE}
    for name in base:
        del config["components"][name]
    for section, setting in (
        ("nlp", "pipeline"),
        ("training", "frozen_components"),
        ("training", "annotating_components"),
    ):
        config[section][setting] = [name for name in config[section][setting] if name not in base]
    return config


if __name__ == "__main__":
    typer.run(main)
