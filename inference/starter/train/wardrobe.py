"""What people wear in photographs, and the parts of a body that clothes.py leaves out: fingers, feet, flesh.

Colours follow habits (much black, navy, grey, white and denim; few loud ones); every cloth has a weave.
"""

from __future__ import annotations

import cv2
import numpy as np

import clothes
from body import Build
from clothes import BOTTOM, EXTRA, EYE, HAIR, SHOES, SKIN, SLEEVE, SOCK, TOP, Outfit


def _hsv(h: float, s: float, v: float) -> np.ndarray:
    return cv2.cvtColor(np.array([[[h % 360, s, v]]], np.float32), cv2.COLOR_HSV2RGB)[0, 0].astype(float)


def tone(rng: np.random.Generator) -> np.ndarray:
    """A colour as walls, furniture and plain cloth have it: mostly muted."""
    return _hsv(rng.choice([rng.normal(35, 20), rng.uniform(0, 360)]), rng.beta(1.2, 4), rng.uniform(0.05, 0.98) if rng.random() < 0.6 else rng.uniform(0.6, 1))


def cloth_colour(rng: np.random.Generator) -> np.ndarray:
    kind = rng.random()
    if kind < 0.34:  # black, charcoal, navy
        return np.clip(_hsv(rng.normal(225, 40), rng.uniform(0, 0.5), rng.uniform(0.02, 0.2)), 0.01, 1)
    if kind < 0.48:  # white and pale
        return _hsv(rng.uniform(0, 360), rng.uniform(0, 0.12), rng.uniform(0.75, 1))
    if kind < 0.62:  # grey
        return _hsv(rng.uniform(0, 360), rng.uniform(0, 0.1), rng.uniform(0.2, 0.75))
    if kind < 0.75:  # denim
        return _hsv(rng.normal(217, 8), rng.uniform(0.2, 0.65), rng.uniform(0.15, 0.7))
    if kind < 0.85:
        return tone(rng)
    return _hsv(rng.uniform(0, 360), rng.uniform(0.3, 0.95), rng.uniform(0.2, 1))


def _cloth(rng: np.random.Generator, plain: float) -> np.ndarray:
    a = cloth_colour(rng)
    b = cloth_colour(rng) if rng.random() < 0.6 else np.clip(a * rng.uniform(0.5, 1.6), 0, 1)
    kind = 0 if rng.random() < plain else rng.integers(1, 6)
    return np.array([*a, *b, kind, rng.uniform(50, 300), rng.uniform(0, 0.05), 0.13 * rng.random() ** 2])


def outfit(rng: np.random.Generator) -> Outfit:
    """An outfit with ten columns a material (the last: grain)."""
    o = clothes.random_outfit(rng)
    m = np.concatenate([o.materials, np.zeros((10, 1))], 1)
    m[SKIN, 3:6], m[SKIN, 6:10] = m[SKIN, :3] * rng.uniform(0.87, 1), [5, rng.uniform(20, 90), 0.06, rng.uniform(0, 0.025)]
    m[HAIR, 9] = rng.uniform(0.05, 0.3)
    if rng.random() < 0.5:
        m[HAIR, :6] *= 0.4
    m[TOP] = _cloth(rng, 0.65)
    m[BOTTOM] = m[TOP] if rng.random() < 0.18 else _cloth(rng, 0.85)
    if rng.random() < 0.15:  # one dark suit of two cloths
        for i in (TOP, BOTTOM):
            m[i, :6] = np.tile(_hsv(rng.normal(225, 40), rng.uniform(0, 0.4), rng.uniform(0.02, 0.12)), 2)
    m[SLEEVE] = m[TOP] if rng.random() < 0.9 else _cloth(rng, 0.8)
    m[SHOES], m[EXTRA] = _cloth(rng, 0.9), _cloth(rng, 0.85)
    m[SOCK] = m[SKIN] if rng.random() < 0.4 else _cloth(rng, 0.95)
    if rng.random() < 0.3:  # barefoot
        m[SHOES] = m[SOCK] = m[SKIN]
    o.materials = m
    return o


def _hand(rng, pile, j, side: str, scale: float, material: int, curl: float) -> None:
    wrist, d = j[f"{side}_wrist"], j[f"{side}_hand"] - j[f"{side}_wrist"]
    length = np.linalg.norm(d) + 1e-9
    d = d / length
    across = np.cross(d, rng.normal(0, 1, 3)) if rng.random() < 0.3 else np.cross(d, j[f"{side}_elbow"] - j[f"{side}_shoulder"] + rng.normal(0, 0.03, 3))
    across = across / (np.linalg.norm(across) + 1e-9)
    inward = np.cross(d, across)
    spread = rng.uniform(0.0, 0.5)
    for k in (-1.5, -0.5, 0.5, 1.5):
        knuckle = wrist + d * length * 0.8 + across * k * 0.0095 * scale
        bend = curl * rng.uniform(0.7, 1.2)
        one = d * np.cos(bend) + inward * np.sin(bend) + across * k * 0.25 * spread
        two = d * np.cos(2 * bend) + inward * np.sin(2 * bend) + across * k * 0.25 * spread
        middle = knuckle + one * 0.026 * scale
        pile.add(knuckle, middle, 0.0078 * scale, 0.007 * scale, material)
        pile.add(middle, middle + two * 0.022 * scale, 0.007 * scale, 0.0055 * scale, material)
    base = wrist + d * length * 0.35 + across * 0.014 * scale
    pile.add(base, base + (d * 0.7 + across * 0.7 + inward * 0.3 * curl) * 0.036 * scale, 0.0095 * scale, 0.007 * scale, material)


def _flesh(pile, j: dict, b: Build, o: Outfit, skin_legs: bool, loose_top: bool, flare: float) -> None:
    t, chest, pelvis = b.thickness, j["R_chest"], j["R_pelvis"]
    for s, sign in (("l", 1), ("r", -1)):
        inner, outer = np.array([sign * 0.016, 0.02, -0.006]), np.array([-sign * 0.02, 0.012, 0])
        pile.add(j["neck"] + chest @ inner, j[f"{s}_shoulder"] + chest @ outer, 0.025 * t, 0.032 * t, TOP)
        pile.add(j[f"{s}_hip"] + pelvis @ np.array([0, 0.01, -0.02]), j[f"{s}_hip"] + pelvis @ np.array([0, -0.04, -0.022]), 0.056 * t, 0.056 * t, BOTTOM)
        shin = j[f"{s}_ankle"] - j[f"{s}_knee"]
        calf = j[f"{s}_knee"] + 0.28 * shin + pelvis @ np.array([0, 0, -0.01])
        pile.add(calf, j[f"{s}_knee"] + 0.7 * shin, 0.037 * t, 0.026 * t, SKIN if skin_legs else BOTTOM)
        if flare and not skin_legs:
            pile.add(j[f"{s}_knee"], j[f"{s}_knee"] + 0.93 * shin, 0.042 * t, flare, BOTTOM)
        if loose_top:
            flank = j["waist"] + chest @ np.array([sign * 0.036 * t, 0, 0])
            pile.add(flank, j[f"{s}_hip"] + pelvis @ np.array([0, -0.02, 0]), 0.066 * t, 0.074 * t, TOP)
        heel, toe = j[f"{s}_heel"], j[f"{s}_toe"]
        ball, out = heel + 0.68 * (toe - heel), np.cross(toe - heel, pelvis @ np.array([0, 1.0, 0]))
        out = out / (np.linalg.norm(out) + 1e-9) * 0.011
        pile.add(ball + out, toe + out * 0.7, 0.019, 0.012, SHOES)
        pile.add(ball - out, toe - out * 0.7, 0.019, 0.012, SHOES)
        pile.add(j[f"{s}_ankle"], ball, 0.024, 0.018, SHOES)


def _face(rng, pile, j: dict, b: Build, o: Outfit) -> None:
    r, axes, centre = b.head, j["R_head"], j["head"]
    at = lambda x, y, z: centre + axes @ np.array([x, y, z]) * r
    if rng.random() < 0.12:  # a mask over mouth and nose
        pile.add(at(0.3, -0.3, 0.72), at(-0.3, -0.3, 0.72), r * 0.42, r * 0.42, EXTRA)
    if rng.random() < 0.18:  # glasses
        for s in (1, -1):
            pile.add(at(s * 0.2, 0.14, 0.97), at(s * 0.56, 0.14, 0.86), r * 0.13, r * 0.13, EYE)
            pile.add(at(s * 0.6, 0.14, 0.8), at(s * 0.96, 0.12, 0.0), r * 0.05, r * 0.05, EYE)
    if rng.random() < 0.12 and o.hair in ("long", "tail"):
        pile.add(at(0, 0.8, -0.6), at(0, 0.95, -0.7), r * 0.42, r * 0.4, HAIR)
    if o.hair == "long":
        for s in (1, -1):
            pile.add(at(s * 0.8, 0.2, 0.0), at(s * 0.85, -1.2, 0.15), r * 0.35, r * 0.3, HAIR)


def dress(rng: np.random.Generator, j: dict, b: Build, o: Outfit) -> np.ndarray:
    """All capsules of a figure, in world coordinates: those of clothes.dress, and hands, feet, flesh and hair."""
    pile = clothes._Pile()
    skin_legs = bool(o.skirt) or o.trouser < 0.7
    _flesh(pile, j, b, o, skin_legs, rng.random() < 0.4, float(rng.uniform(0.032, 0.055)) if rng.random() < 0.35 else 0.0)
    _face(rng, pile, j, b, o)
    for s in "lr":
        _hand(rng, pile, j, s, rng.uniform(0.9, 1.15), EXTRA if o.gloves else SKIN, rng.uniform(0, 0.9))
    if rng.random() < 0.05:  # a rucksack
        back = j["neck"] + j["R_chest"] @ np.array([0, -0.06, -0.09])
        pile.add(back, back + j["R_chest"] @ np.array([0, -0.16, -0.02]), 0.07, 0.08, EXTRA)
    return np.concatenate([clothes.dress(j, b, o), np.array(pile.rows)])
