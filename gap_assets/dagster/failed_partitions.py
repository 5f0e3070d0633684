"""Has Dagster count the failed videos of a run as failed partitions.

A run over a range of partitions is one step for all of them, and Dagster takes every partition of a
step that ends well for materialized. A partition is failed to it if the newest run that was to make
it failed. So what a run could not make is filed under a second run, which does nothing but fail and
say why: the partitions turn red, "missing and failed" selects them, and alerts on failed runs fire.
"""

from collections.abc import Mapping
from uuid import NAMESPACE_OID, uuid4, uuid5

import dagster as dg
from dagster._core.events import (
    AssetMaterializationPlannedData,
    DagsterEvent,
    DagsterEventBatchMetadata,
)

JOB = "videos_that_failed"
SHOWN = 20


def mark_as_failed(
    context: dg.AssetExecutionContext, failed: Mapping[str, Mapping[str, str]]
) -> None:
    """Marks partitions as failed; those of all steps of a run are filed under one more run.

    Call it after the materializations are stored: the newest event of a partition counts.

    Args:
        context: The run that failed to make them.
        failed: By asset and partition, the reason in one sentence.
    """
    instance = context.instance
    planned = [
        AssetMaterializationPlannedData(dg.AssetKey(asset), partition=partition)
        for asset, reasons in failed.items()
        for partition in reasons
    ]
    if not planned:
        return
    run_id = str(uuid5(NAMESPACE_OID, context.run_id))
    run = instance.get_run_by_id(run_id)
    is_new = run is None
    if run is None:
        tags = {"made by run": context.run_id, "dagster/max_retries": "0"}
        run = dg.DagsterRun(
            job_name=JOB, run_id=run_id, tags=tags, status=dg.DagsterRunStatus.STARTED
        )
        instance.add_run(run)
    batch = str(uuid4())
    for at, data in enumerate(planned, 1):
        event = DagsterEvent.build_asset_materialization_planned_event(
            JOB, data.asset_key.to_user_string(), data
        )
        instance.report_dagster_event(
            event, run_id, batch_metadata=DagsterEventBatchMetadata(batch, at == len(planned))
        )
    message = _in_words(failed, run_id=context.run_id)
    if is_new:
        instance.report_run_failed(run, message)
    else:
        instance.report_engine_event(message, run)


def _in_words(failed: Mapping[str, Mapping[str, str]], *, run_id: str) -> str:
    """How many failed of each asset, and why the first ones did."""
    lines = []
    for asset, reasons in failed.items():
        if reasons:
            lines.append(f"Run {run_id} has no {asset} of {len(reasons)} videos:")
            lines += [f"{video}: {why}" for video, why in list(reasons.items())[:SHOWN]]
            if len(reasons) > SHOWN:
                lines.append("…; the table `failures` has them all.")
    return "\n".join(lines)
