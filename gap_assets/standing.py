"""Where a data folder stands under its settings; light enough that `gap status` answers at once."""

from gap_assets.choices import default_fingerprints
from gap_assets.lineage import CONTROLS
from gap_assets.settings import Settings
from gap_assets.warehouse.ledger import Standing, standing
from gap_assets.warehouse.store import Warehouse


def current_standing(settings: Settings) -> Standing:
    """What is current, stale, failed and missing under the data folder's settings."""
    warehouse = Warehouse(path=settings.warehouse)
    later = () if settings.controls else (CONTROLS,)
    return standing(warehouse, settings=default_fingerprints(settings), later=later)
