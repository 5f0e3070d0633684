"""The pixels of a film: anti-aliased shapes from signed distances on a textured ground."""

from typing import Any

import numpy as np
import numpy.typing as npt

from gap_assets.world.scene import BACKGROUNDS, FPS, UNITS, Film, Pose, poses_at

SCALE = 2  # pixels per unit
SIZE = UNITS * SCALE
OUTLINE = 0.9  # width of the dark rim, units

Picture = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.floating[Any]]

_grid = (np.arange(SIZE, dtype=np.float32) + 0.5) / SCALE


def draw_frame(film: Film, frame_index: int) -> Picture:
    """One frame as (128, 128, 3) uint8 RGB."""
    seconds = frame_index / FPS
    zoom = 1 + film.zoom * (seconds - len(film.beats) / 2)
    trembling = np.random.default_rng([film.shake_seed, frame_index]).uniform(-1, 1, 2)
    dx, dy = film.shake * trembling
    # Scene coordinates of every pixel column and row, as the shaken and zoomed camera sees them.
    xs = (_grid - UNITS / 2) / zoom + UNITS / 2 - np.float32(dx)
    ys = (_grid - UNITS / 2) / zoom + UNITS / 2 - np.float32(dy)
    picture = _ground(film, xs, ys)
    for pose in poses_at(film, frame_index):
        _paint(picture, pose, xs, ys)
    pixels: Picture = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
    return pixels


def _ground(film: Film, xs: Plane, ys: Plane) -> Plane:
    strength, fx, fy, px, py = film.texture
    pattern = strength * np.sin(fy * ys + py)[:, None] * np.sin(fx * xs + px)[None, :]
    colour = np.add(BACKGROUNDS[film.story.background], film.tint[-1])
    ground: Plane = pattern[:, :, None] + colour
    return ground


def _paint(picture: Plane, pose: Pose, xs: Plane, ys: Plane) -> None:
    """Blend one figure into the picture, inside its bounding box only."""
    reach = pose.radius * 1.2 + 2
    columns = slice(*np.searchsorted(xs, (pose.x - reach, pose.x + reach)))
    rows = slice(*np.searchsorted(ys, (pose.y - reach, pose.y + reach)))
    turn = np.deg2rad(pose.tilt)
    right, down = (xs[columns] - pose.x)[None, :], (ys[rows] - pose.y)[:, None]
    u = (np.cos(turn) * right + np.sin(turn) * down) / pose.radius
    v = (np.cos(turn) * down - np.sin(turn) * right) / pose.radius
    distance = _distance(pose.kind, u, v) * pose.radius
    ink = np.asarray(pose.colour)[None, None, :]
    for level, mark in _marks(pose.kind, u, v):
        share = np.clip(0.5 - mark * pose.radius * SCALE, 0, 1)[:, :, None]
        ink = share * level + (1 - share) * ink
    rim = np.clip((distance + OUTLINE) * SCALE + 0.5, 0, 1)[:, :, None]
    cover = np.clip(0.5 - distance * SCALE, 0, 1)[:, :, None]
    picture[rows, columns] += cover * ((1 - rim) * ink + rim * 12.0 - picture[rows, columns])


def _marks(kind: str, u: Plane, v: Plane) -> list[tuple[float, Plane]]:
    """Grey level and signed distance of what is drawn on a shape.

    At 16 pixels outlines alone tell a star from a cross, or a box from a ball, too slowly to learn.
    """
    centre = np.hypot(u, v)
    match kind:
        case "flag":  # a white stripe
            return [(250.0, np.abs(v) - 0.28)]
        case "box":  # a dark ribbon
            return [(25.0, np.abs(u) - 0.24)]
        case "star":  # an eye
            return [(250.0, centre - 0.52), (12.0, centre - 0.24)]
        case _:
            return []


def _distance(kind: str, u: Plane, v: Plane) -> Plane:
    """Signed distance to a shape of radius 1, negative inside (exact enough near the rim)."""
    centre = np.hypot(u, v)
    across, down = np.abs(u), np.abs(v)
    match kind:
        case "ball":
            return centre - 1
        case "ring":
            return np.abs(centre - 0.72) - 0.28
        case "cross":
            bar = np.maximum(across - 1.08, down - 0.34)
            return np.minimum(bar, np.maximum(down - 1.08, across - 0.34))
        case "star":
            angle = np.arctan2(u, -v)
            share = np.abs((angle / (2 * np.pi / 5) + 0.5) % 1 - 0.5) * 2  # 0 at a tip, 1 between
            return (centre - (1.15 - 0.68 * share)) * 0.6
        case _:  # box and flag
            return np.maximum(across, down) - 0.88
