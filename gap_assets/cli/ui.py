"""The command that opens the Dagster UI."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from gap_assets.cli.app import LOOK, app
from gap_assets.cli.errors import one_sentence
from gap_assets.cli.options import Data
from gap_assets.settings import Settings


@app.command(rich_help_panel=LOOK)
def dev(data: Data, port: Annotated[int, typer.Option()] = 3000) -> None:
    """Open the Dagster UI on this data folder, with the daemon that runs backfills."""
    from gap_assets.cli.report_server import start

    with one_sentence():
        settings = Settings(data=data.absolute())
        from gap_assets.dagster.assets.gap import REPORT_URL
        from gap_assets.dagster.changing_settings import UI_URL
        from gap_assets.dagster.runs import dagster_variables, open_instance

        open_instance(settings).dispose()
    served = {
        REPORT_URL: start(settings.report, port=port + 1),
        UI_URL: f"http://127.0.0.1:{port}",
    }
    command = ["dagster", "dev", "-m", "gap_assets.definitions", "-p", str(port)]
    binary = Path(sys.executable).with_name("dagster")
    os.execve(binary, command, os.environ | dagster_variables(settings) | served)  # noqa: S606
