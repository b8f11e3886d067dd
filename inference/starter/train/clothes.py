"""Dresses a skeleton: capsules for every limb, and the materials (skin, hair, cloth) they are made of."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from body import Build
from render import COLUMNS

SKIN, HAIR, TOP, BOTTOM, SHOES, EYE, LIP, SLEEVE, SOCK, EXTRA = range(10)


@dataclass
class Outfit:
    """What one figure wears: materials (10 rows) and the choices of cut."""

    materials: np.ndarray
    sleeve: float  # 0 none, 1 to the wrist
    trouser: float  # 0 to the hip, 1 to the ankle
    skirt: float  # 0 none, else its length in body heights
    loose: float  # how much thicker cloth is than the limb
    hair: str  # short, long, tail, bald, cap
    beard: bool
    gloves: bool


def colour(rng: np.random.Generator) -> np.ndarray:
    """Any colour a cloth or a wall may have; greys, blacks and whites often."""
    kind = rng.random()
    if kind < 0.3:
        return np.clip(np.full(3, rng.uniform(0.04, 0.97)) + rng.normal(0, 0.03, 3), 0.02, 1)
    hsv = np.array([[[rng.uniform(0, 360), rng.uniform(0.15, 1), rng.uniform(0.15, 1)]]], np.float32)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].astype(float)


def _skin(rng: np.random.Generator) -> np.ndarray:
    light, dark = np.array([0.97, 0.80, 0.69]), np.array([0.24, 0.14, 0.09])
    return np.clip(light + (dark - light) * rng.random() ** 1.2 + rng.normal(0, 0.025, 3), 0.03, 1)


def _cloth(rng: np.random.Generator, plain: float = 0.45) -> np.ndarray:
    kind = 0 if rng.random() < plain else rng.integers(1, 6)
    return np.concatenate([colour(rng), colour(rng), [kind, rng.uniform(60, 260), rng.uniform(0, 0.08)]])


def random_outfit(rng: np.random.Generator) -> Outfit:
    skin = _skin(rng)
    plain = lambda c, gloss=0.04: np.concatenate([c, c, [0, 1, gloss]])
    tones = np.array([[0.06, 0.05, 0.05], [0.2, 0.12, 0.07], [0.42, 0.27, 0.13], [0.78, 0.62, 0.36], [0.6, 0.58, 0.56], [0.5, 0.16, 0.08]])
    hair = np.clip(tones[rng.integers(len(tones))] + rng.normal(0, 0.04, 3), 0.02, 1)
    top = _cloth(rng)
    bottom = top.copy() if rng.random() < 0.12 else _cloth(rng, 0.65)
    sleeve = top.copy() if rng.random() < 0.85 else _cloth(rng)
    lip = np.clip(skin * np.array([0.8, 0.45, 0.45]), 0, 1)
    rows = [plain(skin, 0.06), np.concatenate([hair, hair * 0.7, [2, 300, 0.05]]), top, bottom, _cloth(rng, 0.8)]
    rows += [plain(np.full(3, 0.05), 0.1), plain(lip), sleeve, _cloth(rng, 0.9), _cloth(rng, 0.9)]
    skirt = rng.uniform(0.14, 0.36) if rng.random() < 0.12 else 0.0
    return Outfit(
        materials=np.array(rows),
        sleeve=float(rng.choice([0.0, 0.3, 0.45, 0.75, 1.0], p=[0.15, 0.25, 0.1, 0.1, 0.4])),
        trouser=float(rng.choice([0.25, 0.45, 0.7, 1.0], p=[0.15, 0.15, 0.1, 0.6])),
        skirt=float(skirt),
        loose=float(rng.uniform(1.0, 1.4)),
        hair=str(rng.choice(["short", "long", "tail", "bald", "cap"], p=[0.4, 0.22, 0.14, 0.1, 0.14])),
        beard=bool(rng.random() < 0.15),
        gloves=bool(rng.random() < 0.07),
    )


class _Pile:
    """Collects capsules."""

    def __init__(self) -> None:
        self.rows: list[np.ndarray] = []

    def add(self, a: np.ndarray, b: np.ndarray, ra: float, rb: float, material: int) -> None:
        row = np.empty(COLUMNS)
        row[0:3], row[3:6], row[6], row[7], row[8] = a, b, ra, rb, material
        self.rows.append(row)

    def limb(self, a, b, ra, rb, skin, cloth, reach, loose) -> None:
        """A limb of skin with a sleeve over its first part (reach 0–1)."""
        self.add(a, b, ra, rb, skin)
        if reach > 0.02:
            end, r_end = a + (b - a) * min(1.0, reach), ra + (rb - ra) * min(1.0, reach)
            self.add(a, end, ra * loose, r_end * loose * 1.04, cloth)


def _head(pile: _Pile, j: dict, b: Build, o: Outfit) -> None:
    r, axes, centre = b.head, j["R_head"], j["head"]
    at = lambda x, y, z: centre + axes @ np.array([x, y, z]) * r
    ball = lambda p, q, radius, material: pile.add(p, q, radius * r, radius * r, material)
    pile.add(at(0, 0.22, -0.02), at(0, -0.42, 0.16), r * 0.95, r * 0.66, SKIN)
    for s in (1, -1):
        ball(at(s * 0.34, 0.13, 0.80), at(s * 0.40, 0.13, 0.78), 0.15, EYE)
        ball(at(s * 0.22, 0.36, 0.84), at(s * 0.50, 0.36, 0.72), 0.07, HAIR)
        ball(at(s * 0.94, 0.05, -0.05), at(s * 0.94, -0.15, -0.02), 0.17, SKIN)
    pile.add(at(0, 0.1, 0.88), at(0, -0.16, 1.04), r * 0.10, r * 0.17, SKIN)
    ball(at(-0.2, -0.46, 0.74), at(0.2, -0.46, 0.74), 0.09, LIP)
    if o.beard:
        pile.add(at(0.3, -0.62, 0.5), at(-0.3, -0.62, 0.5), r * 0.36, r * 0.36, HAIR)
    if o.hair != "bald":
        pile.add(at(0, 0.34, -0.14), at(0, -0.1, -0.26), r * 0.98, r * 0.9, EXTRA if o.hair == "cap" else HAIR)
    if o.hair == "cap":
        pile.add(at(-0.35, 0.62, 0.85), at(0.35, 0.62, 0.85), r * 0.22, r * 0.22, EXTRA)
        pile.add(at(0, -0.1, -0.3), at(0, -0.4, -0.35), r * 0.78, r * 0.7, HAIR)
    if o.hair == "long":
        pile.add(at(0, 0, -0.3), at(0, -1.3, -0.45), r * 0.95, r * 0.75, HAIR)
    if o.hair == "tail":
        pile.add(at(0, 0.4, -1.1), at(0, -0.9, -1.4), r * 0.3, r * 0.2, HAIR)
    pile.add(j["neck"] + (j["neck"] - j["waist"]) * 0.02, at(0, -0.5, -0.1), 0.03 * b.thickness ** 0.5, 0.029 * b.thickness ** 0.5, SKIN)


def _trunk(pile: _Pile, j: dict, b: Build, o: Outfit) -> None:
    t = b.thickness
    chest, pelvis = j["R_chest"], j["R_pelvis"]
    for sign in (1, -1):
        armpit = j["neck"] + chest @ np.array([sign * b.shoulder * 0.55, -0.065, 0.004])
        flank = j["waist"] + chest @ np.array([sign * 0.036 * t, 0.0, 0.004])
        hip = pelvis @ np.array([sign * b.hip * 0.72, 0.0, 0.0]) + j["pelvis"]
        pile.add(armpit, flank, 0.062 * t, 0.056 * t * b.waist, TOP)
        pile.add(flank, hip, 0.056 * t * b.waist, 0.064 * t, TOP)
        pile.add(hip, hip + pelvis @ np.array([sign * 0.008, -0.035, 0]), 0.067 * t, 0.064 * t, BOTTOM)
    top = j["neck"] + chest @ np.array([0, -0.055, 0.006])
    pile.add(top, j["waist"] + chest @ np.array([0, 0, 0.01]), 0.062 * t, 0.06 * t * b.waist, TOP)
    pile.add(j["l_shoulder"] + chest @ np.array([-0.018, 0, 0]), j["r_shoulder"] + chest @ np.array([0.018, 0, 0]), 0.040 * t, 0.040 * t, TOP)
    if o.skirt:
        mid = 0.5 * (j["l_knee"] + j["r_knee"]) - j["pelvis"]
        mid = mid / (np.linalg.norm(mid) + 1e-6) * 0.35 + pelvis @ np.array([0, -0.65, 0])
        mid = mid / np.linalg.norm(mid)
        for sign in (1, -1):
            foot = j["pelvis"] + mid * o.skirt + pelvis @ np.array([sign * 0.05, 0, 0])
            pile.add(j["pelvis"] + pelvis @ np.array([sign * 0.03, 0, 0]), foot, 0.07 * t, 0.07 * t + o.skirt * 0.18, BOTTOM)


def dress(j: dict, b: Build, o: Outfit) -> np.ndarray:
    """All capsules of a figure, in world coordinates."""
    pile = _Pile()
    t = b.thickness
    _head(pile, j, b, o)
    _trunk(pile, j, b, o)
    for s in "lr":
        sleeve = o.sleeve * 2
        pile.limb(j[f"{s}_shoulder"], j[f"{s}_elbow"], 0.036 * t, 0.026 * t, SKIN, SLEEVE, sleeve, 1.08 * o.loose)
        pile.limb(j[f"{s}_elbow"], j[f"{s}_wrist"], 0.026 * t, 0.0185 * t, SKIN, SLEEVE, sleeve - 1, 1.08 * o.loose)
        pile.add(j[f"{s}_wrist"] + (j[f"{s}_hand"] - j[f"{s}_wrist"]) * 0.25, j[f"{s}_hand"], 0.022, 0.016, EXTRA if o.gloves else SKIN)
        leg = 0.0 if o.skirt else o.trouser * 2
        pile.limb(j[f"{s}_hip"], j[f"{s}_knee"], 0.058 * t, 0.037 * t, SKIN, BOTTOM, leg, 1 + 0.6 * (o.loose - 1) + 0.05)
        pile.limb(j[f"{s}_knee"], j[f"{s}_ankle"], 0.037 * t, 0.024 * t, SKIN, BOTTOM, leg - 1, o.loose + 0.03)
        pile.add(j[f"{s}_ankle"], j[f"{s}_heel"], 0.025 * t, 0.024, SOCK)
        pile.add(j[f"{s}_heel"], j[f"{s}_toe"], 0.027, 0.020, SHOES)
    return np.array(pile.rows)
