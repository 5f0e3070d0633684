"""The report's numbered figures, in their order; their words are in `templates/figures.toml`.

A figure whose data are missing (no untrained networks, fewer than 8 videos) is left out.
"""

from collections.abc import Callable, Mapping

from matplotlib.figure import Figure  # noqa: TID253

from gap_assets.gap.pairs import GapInputError
from gap_assets.gap.reporting.figures import clouds, controls, structure
from gap_assets.gap.reporting.figures.style import Exhibit, Material

ORDER: Mapping[str, Callable[[Material], Exhibit | None]] = {
    "projections": clouds.projected_clouds,
    "gap_axis": clouds.gap_axis,
    "histograms": clouds.histograms,
    "matrix": controls.matrix,
    "ladder": controls.ladder,
    "untrained": controls.untrained,
    "landscape": structure.landscape,
    "interventions": structure.interventions,
    "dimensions": structure.dimensions,
    "pooling": controls.pooling,
    "retrieval": structure.retrieval,
    "stability": clouds.stability,
}
"""By the name that their files begin with."""


def exhibits(given: Material) -> list[Exhibit]:
    """All figures that can be drawn of this, in the order of the page."""
    return [made for draw in ORDER.values() if (made := draw(given))]


def numbered_figure(name: str, given: Material) -> Figure:
    """One figure.

    Args:
        name: As its file in the report's folder `figures` is called, without a suffix: `gap_axis`,
            or `retrieval-2` where there are several panels. Besides `umap` and `svd`, the trained
            network's clouds alone. The figures of the sections on causes, cones by depth, pooling,
            events and other encoders are not among them.
        given: What it is drawn from.

    Raises:
        GapInputError: There is no such figure, or none of these data.
    """
    if name in clouds.METHODS and name in given.points:
        return clouds.cloud(given.points[name], method=name)
    key = name.rpartition("-")[0] or name
    if key not in ORDER:
        alone = [method for method in clouds.METHODS if method in given.points]
        drawn = [panel for made in exhibits(given) for panel in made["figures"]]
        names = ", ".join([*alone, *drawn])
        raise GapInputError(f"There is no figure {name!r}; there are {names}.")
    made = ORDER[key](given)
    if made is None:
        raise GapInputError(f"The figure {key!r} cannot be drawn: its data are missing here.")
    found: Mapping[str, Figure] = made["figures"]
    if name not in found:
        raise GapInputError(
            f"The figure {key!r} is drawn as {' and '.join(found)}; name one of them."
        )
    return found[name]
