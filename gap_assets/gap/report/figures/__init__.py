"""The report's numbered figures, in their order; their words are in `templates/figures.toml`.

A figure whose data are missing (no untrained networks, fewer than 8 videos) is left out.
"""

from collections.abc import Callable

from gap_assets.gap.report.figures import clouds, controls, structure
from gap_assets.gap.report.figures.style import Exhibit, Material

ORDER: tuple[Callable[[Material], Exhibit | None], ...] = (
    clouds.projected_clouds,
    clouds.gap_axis,
    clouds.histograms,
    controls.matrix,
    controls.ladder,
    controls.untrained,
    structure.landscape,
    structure.interventions,
    structure.dimensions,
    controls.pooling,
    structure.retrieval,
    clouds.stability,
)


def exhibits(given: Material) -> list[Exhibit]:
    """All figures that can be drawn of this, in the order of the page."""
    return [made for draw in ORDER if (made := draw(given))]
