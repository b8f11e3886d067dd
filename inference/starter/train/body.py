"""The figure: an articulated 3-D skeleton, its motions, and the tapered capsules around it.

Lengths are in body heights (1.0 = standing, crown to sole). The figure's own frame has x to its
left, y up and z forward. Angles are radians inside, degrees in the tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# The pose vector: one angle (or length, for "jump") a name.
NAMES = (
    ["yaw", "pitch", "roll", "spine_pitch", "spine_yaw", "spine_roll", "head_pitch", "head_yaw", "head_roll"]
    + [f"{s}_{a}" for s in "lr" for a in ("arm_flex", "arm_abd", "arm_twist", "elbow")]
    + [f"{s}_{a}" for s in "lr" for a in ("hip_flex", "hip_abd", "hip_twist", "knee", "ankle")]
    + ["jump"]
)
IX = {name: i for i, name in enumerate(NAMES)}

# Degrees: what a body can do. Yaw is free; jump is a length.
LIMITS = {
    "pitch": (-25, 40), "roll": (-20, 20),
    "spine_pitch": (-20, 60), "spine_yaw": (-35, 35), "spine_roll": (-25, 25),
    "head_pitch": (-30, 35), "head_yaw": (-60, 60), "head_roll": (-25, 25),
    "arm_flex": (-45, 175), "arm_abd": (-15, 170), "arm_twist": (-50, 110), "elbow": (0, 145),
    "hip_flex": (-25, 115), "hip_abd": (-12, 60), "hip_twist": (-15, 40), "knee": (0, 140), "ankle": (-25, 40),
}


def _limits() -> tuple[np.ndarray, np.ndarray]:
    low, high = np.full(len(NAMES), -1e9), np.full(len(NAMES), 1e9)
    for name, i in IX.items():
        key = name[2:] if name[:2] in ("l_", "r_") else name
        if key in LIMITS:
            low[i], high[i] = np.radians(LIMITS[key])
    low[IX["jump"]] = 0.0
    return low, high


LOW, HIGH = _limits()


@dataclass
class Motion:
    """Every angle is mean + amp · sin(2π · harmonic · t + phase), clipped to what a body can do."""

    mean: np.ndarray
    amp: np.ndarray
    phase: np.ndarray
    harmonic: np.ndarray

    def at(self, t: float) -> np.ndarray:
        """The pose vector at t, in cycles."""
        pose = self.mean + self.amp * np.sin(2 * np.pi * self.harmonic * t + self.phase)
        return np.clip(pose, LOW, HIGH)


def _blank() -> Motion:
    n = len(NAMES)
    return Motion(np.zeros(n), np.zeros(n), np.zeros(n), np.ones(n))


def set_angle(m: Motion, name: str, mean: float, amp: float = 0.0, phase: float = 0.0, harmonic: float = 1.0) -> None:
    """Degrees in; a name without a side sets both sides."""
    names = [name] if name in IX else [f"l_{name}", f"r_{name}"]
    for n in names:
        i = IX[n]
        m.mean[i], m.amp[i], m.phase[i], m.harmonic[i] = np.radians(mean), np.radians(amp), phase, harmonic


def _walk(m: Motion, rng: np.random.Generator) -> None:
    stride, swing = rng.uniform(12, 40), rng.uniform(5, 45)
    for side, ph in (("l", 0.0), ("r", np.pi)):
        set_angle(m, f"{side}_hip_flex", 8, stride, ph)
        set_angle(m, f"{side}_knee", rng.uniform(15, 45), rng.uniform(12, 40), ph + 1.2)
        set_angle(m, f"{side}_ankle", 5, 12, ph + 2.0)
        set_angle(m, f"{side}_arm_flex", 0, swing, ph + np.pi)
        set_angle(m, f"{side}_arm_abd", rng.uniform(3, 14))
        set_angle(m, f"{side}_elbow", rng.uniform(5, 95), rng.uniform(0, 20), ph + np.pi)
    set_angle(m, "spine_pitch", rng.uniform(-3, 15))
    set_angle(m, "spine_yaw", 0, rng.uniform(0, 12), rng.uniform(0, 6))


def _stand(m: Motion, rng: np.random.Generator) -> None:
    for side in "lr":
        set_angle(m, f"{side}_arm_flex", rng.uniform(-20, 40), 6, rng.uniform(0, 6))
        set_angle(m, f"{side}_arm_abd", rng.uniform(2, 50), 6, rng.uniform(0, 6))
        set_angle(m, f"{side}_arm_twist", rng.uniform(-50, 40))
        set_angle(m, f"{side}_elbow", rng.uniform(0, 130), 8)
        set_angle(m, f"{side}_hip_abd", rng.uniform(-2, 14))
        set_angle(m, f"{side}_hip_flex", rng.uniform(-6, 12))
        set_angle(m, f"{side}_knee", rng.uniform(0, 25))


def _arms_up(m: Motion, rng: np.random.Generator) -> None:
    for side in "lr":
        set_angle(m, f"{side}_arm_abd", rng.uniform(60, 165), rng.uniform(0, 40), rng.uniform(0, 6))
        set_angle(m, f"{side}_arm_flex", rng.uniform(-10, 30), 10)
        set_angle(m, f"{side}_arm_twist", rng.uniform(-30, 100))
        set_angle(m, f"{side}_elbow", rng.uniform(0, 120), rng.uniform(0, 30), rng.uniform(0, 6))
        set_angle(m, f"{side}_hip_abd", rng.uniform(0, 22), 5, rng.uniform(0, 6))
        set_angle(m, f"{side}_knee", rng.uniform(0, 25), 10, rng.uniform(0, 6))


def _squat(m: Motion, rng: np.random.Generator) -> None:
    depth = rng.uniform(0.5, 1.0)
    set_angle(m, "hip_flex", 50 * depth, 48 * depth)
    set_angle(m, "knee", 62 * depth, 60 * depth)
    set_angle(m, "ankle", -8, 8)
    set_angle(m, "hip_abd", rng.uniform(5, 35))
    set_angle(m, "hip_twist", rng.uniform(0, 30))
    set_angle(m, "spine_pitch", 18 * depth, 16 * depth)
    set_angle(m, "arm_flex", rng.uniform(20, 80), 30)
    set_angle(m, "elbow", rng.uniform(0, 110), 10)
    set_angle(m, "arm_abd", rng.uniform(0, 30))
    set_angle(m, "arm_twist", rng.uniform(-40, 20))


def _jack(m: Motion, rng: np.random.Generator) -> None:
    set_angle(m, "arm_abd", 80, 75)
    set_angle(m, "hip_abd", 14, 14)
    set_angle(m, "elbow", rng.uniform(0, 35), 8)
    set_angle(m, "knee", 14, 10, 1.5, 2)
    m.mean[IX["jump"]], m.amp[IX["jump"]], m.harmonic[IX["jump"]] = 0.03, rng.uniform(0.02, 0.09), 2.0


def _dance(m: Motion, rng: np.random.Generator) -> None:
    """Everything moves, each joint at its own harmonic."""
    table = {
        "spine_pitch": (-4, 18, 10), "spine_yaw": (-8, 8, 22), "spine_roll": (-6, 6, 16),
        "arm_flex": (0, 95, 45), "arm_abd": (10, 105, 45), "arm_twist": (-20, 60, 30), "elbow": (20, 95, 45),
        "hip_flex": (0, 35, 28), "hip_abd": (2, 25, 14), "hip_twist": (0, 20, 8), "knee": (15, 55, 30),
        "ankle": (-5, 15, 10), "pitch": (-4, 6, 4), "roll": (-4, 4, 6),
    }
    for i, name in enumerate(NAMES):
        key = name[2:] if name[:2] in ("l_", "r_") else name
        if key in table:
            low, high, amp = table[key]
            set_angle(m, name, rng.uniform(low, high), rng.uniform(0.2, 1) * amp, rng.uniform(0, 2 * np.pi), rng.choice([1, 1, 2]))
    if rng.random() < 0.3:
        m.mean[IX["jump"]], m.amp[IX["jump"]] = 0.04, rng.uniform(0.02, 0.1)


FAMILIES = {"walk": (_walk, 3), "stand": (_stand, 3), "arms_up": (_arms_up, 3), "squat": (_squat, 2), "jack": (_jack, 2), "dance": (_dance, 7)}


def random_motion(rng: np.random.Generator, family: str | None = None) -> Motion:
    """A motion of one family: seen from anywhere, the front more often than the back."""
    names = list(FAMILIES)
    weights = np.array([FAMILIES[n][1] for n in names], float)
    family = family or str(rng.choice(names, p=weights / weights.sum()))
    m = _blank()
    FAMILIES[family][0](m, rng)
    yaw = rng.normal(0, 40) if rng.random() < 0.5 else rng.uniform(-180, 180)
    set_angle(m, "yaw", yaw, rng.uniform(0, 15), rng.uniform(0, 6))
    for name, spread in (("head_pitch", 12), ("head_yaw", 25), ("head_roll", 8)):
        set_angle(m, name, rng.normal(0, spread), rng.uniform(0, spread / 2), rng.uniform(0, 6))
    return m


def random_pose(rng: np.random.Generator) -> np.ndarray:
    """One moment of a random motion, with some noise on every joint."""
    pose = random_motion(rng).at(rng.random())
    noise = np.radians(rng.normal(0, 5, len(NAMES)))
    noise[IX["jump"]] = 0
    return np.clip(pose + noise, LOW, HIGH)


@dataclass
class Build:
    """The proportions of one figure; thickness scales every radius."""

    thigh: float = 0.245
    shin: float = 0.24
    trunk: float = 0.285
    shoulder: float = 0.112
    hip: float = 0.055
    upper_arm: float = 0.165
    forearm: float = 0.148
    hand: float = 0.075
    foot: float = 0.115
    head: float = 0.062
    thickness: float = 1.0
    waist: float = 1.0


def random_build(rng: np.random.Generator) -> Build:
    """Proportions of adults and, now and then, of a child (larger head, shorter limbs)."""
    child = rng.random() < 0.12
    k = lambda sigma=0.05: float(np.clip(rng.normal(1, sigma), 1 - 2.5 * sigma, 1 + 2.5 * sigma))
    b = Build()
    limb = 0.93 if child else 1.0
    b.thigh *= k() * limb
    b.shin *= k() * limb
    b.trunk *= k()
    b.shoulder *= k(0.08)
    b.hip *= k(0.1)
    b.upper_arm *= k() * limb
    b.forearm *= k() * limb
    b.foot *= k(0.08)
    b.head *= k(0.06) * (1.22 if child else 1.0)
    b.thickness = float(rng.uniform(0.82, 1.3))
    b.waist = float(rng.uniform(0.85, 1.2))
    return b


def _rx(a: float) -> np.ndarray:
    c, s = np.cos(a), np.sin(a)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _ry(a: float) -> np.ndarray:
    c, s = np.cos(a), np.sin(a)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _rz(a: float) -> np.ndarray:
    c, s = np.cos(a), np.sin(a)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def joints(pose: np.ndarray, b: Build) -> dict[str, np.ndarray]:
    """Forward kinematics: the joints (points) and the frames (3×3, columns x y z) of head, chest and pelvis.

    The lowest foot stands on y = 0, plus the jump.
    """
    p = {n: pose[i] for n, i in IX.items()}
    pelvis = _ry(p["yaw"]) @ _rx(p["pitch"]) @ _rz(p["roll"])
    chest = pelvis @ _ry(p["spine_yaw"]) @ _rx(p["spine_pitch"]) @ _rz(p["spine_roll"])
    head = chest @ _ry(p["head_yaw"]) @ _rx(p["head_pitch"]) @ _rz(p["head_roll"])
    up, down = np.array([0, 1.0, 0]), np.array([0, -1.0, 0])
    j: dict[str, np.ndarray] = {"R_pelvis": pelvis, "R_chest": chest, "R_head": head, "pelvis": np.zeros(3)}
    j["waist"] = pelvis @ up * b.trunk * 0.38
    j["neck"] = j["waist"] + chest @ up * b.trunk * 0.62
    j["head"] = j["neck"] + chest @ up * 0.03 + head @ np.array([0, 0.045 + b.head * 0.85, 0.012])
    for side, sign in (("l", 1.0), ("r", -1.0)):
        a = lambda name, side=side: p[f"{side}_{name}"]
        j[f"{side}_shoulder"] = j["neck"] + chest @ np.array([sign * b.shoulder, -0.022, 0.0])
        arm = chest @ _rz(sign * a("arm_abd")) @ _rx(-a("arm_flex")) @ _ry(sign * a("arm_twist"))
        fore = arm @ _rx(-a("elbow"))
        j[f"{side}_elbow"] = j[f"{side}_shoulder"] + arm @ down * b.upper_arm
        j[f"{side}_wrist"] = j[f"{side}_elbow"] + fore @ down * b.forearm
        j[f"{side}_hand"] = j[f"{side}_wrist"] + fore @ _rx(-0.2) @ down * b.hand
        j[f"{side}_hip"] = pelvis @ np.array([sign * b.hip, -0.005, 0.0])
        leg = pelvis @ _rz(sign * a("hip_abd")) @ _rx(-a("hip_flex")) @ _ry(sign * a("hip_twist"))
        shin = leg @ _rx(a("knee"))
        foot = shin @ _rx(a("ankle"))
        j[f"{side}_knee"] = j[f"{side}_hip"] + leg @ down * b.thigh
        j[f"{side}_ankle"] = j[f"{side}_knee"] + shin @ down * b.shin
        j[f"{side}_heel"] = j[f"{side}_ankle"] + foot @ np.array([0, -0.022, -0.012])
        j[f"{side}_toe"] = j[f"{side}_ankle"] + foot @ np.array([sign * 0.01, -0.026, b.foot])
    lowest = min(j[f"{s}_{q}"][1] for s in "lr" for q in ("heel", "toe")) - 0.018
    for name in j:
        if not name.startswith("R_"):
            j[name] = j[name] + np.array([0, p["jump"] - lowest, 0])
    return j


def keypoints(j: dict[str, np.ndarray], b: Build) -> tuple[np.ndarray, np.ndarray]:
    """The 17 COCO keypoints (17×3) and how deep below the surface each may lie and still count as seen (17)."""
    r = b.head
    on_head = lambda x, y, z: j["head"] + j["R_head"] @ np.array([x, y, z]) * r
    pts = [on_head(0, -0.1, 1.12), on_head(0.36, 0.12, 0.92), on_head(-0.36, 0.12, 0.92), on_head(1.0, -0.05, -0.05), on_head(-1.0, -0.05, -0.05)]
    deep = [0.025, 0.02, 0.02, 0.03, 0.03]
    for name, d in (("shoulder", 0.075), ("elbow", 0.05), ("wrist", 0.04), ("hip", 0.11), ("knee", 0.065), ("ankle", 0.05)):
        for side in "lr":
            pts.append(j[f"{side}_{name}"])
            deep.append(d * max(1.0, b.thickness))
    return np.array(pts), np.array(deep)
