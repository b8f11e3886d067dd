"""Poses beyond the motions of body.py: deep bends, kicks, lunges, leaning, sitting, arms crossed or overhead."""

from __future__ import annotations

import numpy as np

import body
from body import IX


def _add(pose: np.ndarray, degrees: float, *names: str) -> None:
    for n in names:
        pose[IX[n]] += np.radians(degrees)


def _put(pose: np.ndarray, degrees: float, *names: str) -> None:
    for n in names:
        pose[IX[n]] = np.radians(degrees)


def _bend(rng, p) -> None:
    """The trunk forward, the legs where they were."""
    deep = rng.uniform(15, 85)
    _put(p, deep, "pitch")
    _add(p, deep * rng.uniform(0.8, 1.05), "l_hip_flex", "r_hip_flex")
    _add(p, rng.uniform(0, 40), "spine_pitch")
    for s in "lr":
        _put(p, rng.uniform(0, 60), f"{s}_knee")
        _put(p, rng.uniform(0, 130), f"{s}_arm_flex")
        _put(p, rng.uniform(0, 70), f"{s}_elbow")


def _kick(rng, p) -> None:
    """One leg lifted forward, sideways or back; the trunk leans against it."""
    s = "lr"[rng.integers(2)]
    kind = rng.random()
    if kind < 0.4:
        _put(p, rng.uniform(40, 130), f"{s}_hip_flex")
        _add(p, -rng.uniform(0, 15), "pitch")
    elif kind < 0.7:
        high = rng.uniform(30, 85)
        _put(p, high, f"{s}_hip_abd")
        lean = (1 if s == "l" else -1) * rng.uniform(0, 0.6) * high
        _add(p, lean, "roll")
        o = "r" if s == "l" else "l"
        _add(p, abs(lean), f"{o}_hip_abd")
    else:
        lean = rng.uniform(10, 75)
        _add(p, lean, "pitch")
        _put(p, lean - rng.uniform(30, 70) - 20, f"{s}_hip_flex")
        _put(p, lean + rng.uniform(-10, 10), "r_hip_flex" if s == "l" else "l_hip_flex")
    _put(p, abs(rng.normal(0, 35)), f"{s}_knee")
    _put(p, rng.uniform(-50, 10), f"{s}_ankle")


def _lunge(rng, p) -> None:
    a, b = ("l", "r") if rng.random() < 0.5 else ("r", "l")
    deep = rng.uniform(0.4, 1)
    _put(p, 90 * deep, f"{a}_hip_flex")
    _put(p, 95 * deep, f"{a}_knee")
    _put(p, -35 * deep, f"{b}_hip_flex")
    _put(p, rng.uniform(0, 70), f"{b}_knee")
    _put(p, rng.uniform(0, 35), f"{b}_hip_abd")
    _add(p, rng.normal(5, 12), "pitch", "spine_pitch")


def _stride(rng, p) -> None:
    """A step, arms hanging or swinging: the everyday pose in which only small signs tell left from right."""
    a, b = ("l", "r") if rng.random() < 0.5 else ("r", "l")
    _put(p, rng.uniform(5, 45), f"{a}_hip_flex")
    _put(p, rng.uniform(-40, -5), f"{b}_hip_flex")
    for s in "lr":
        _put(p, abs(rng.normal(0, 20)), f"{s}_knee")
        _put(p, rng.normal(4, 8), f"{s}_hip_abd")
        _put(p, rng.uniform(-35, 35), f"{s}_arm_flex")
        _put(p, rng.uniform(0, 30), f"{s}_arm_abd")
        _put(p, rng.uniform(0, 50), f"{s}_elbow")


def _lean(rng, p) -> None:
    side = rng.uniform(-55, 55)
    _add(p, side, "roll")
    _add(p, rng.uniform(-35, 35), "spine_roll")
    for s, sign in (("l", 1), ("r", -1)):
        _add(p, -sign * side * rng.uniform(0.6, 1.1), f"{s}_hip_abd")


def _sit(rng, p) -> None:
    for s in "lr":
        _put(p, rng.uniform(70, 105), f"{s}_hip_flex")
        _put(p, rng.uniform(50, 120), f"{s}_knee")
        _put(p, rng.uniform(0, 30), f"{s}_hip_abd")
    _put(p, rng.uniform(-15, 25), "spine_pitch")


def _arms(rng, p) -> None:
    """Arms anywhere: crossed, at the head, behind the back, stretched out."""
    for s in "lr":
        kind = rng.integers(5)
        flex, abd, twist, elbow = [
            (rng.uniform(30, 80), -10, -40, rng.uniform(90, 140)),
            (rng.uniform(0, 60), rng.uniform(90, 165), rng.uniform(0, 100), rng.uniform(60, 145)),
            (rng.uniform(-45, -10), 10, rng.uniform(-50, 0), rng.uniform(20, 110)),
            (rng.uniform(60, 175), rng.uniform(-10, 40), 0, rng.uniform(0, 40)),
            (rng.uniform(-20, 20), rng.uniform(40, 170), rng.uniform(-40, 90), rng.uniform(0, 50)),
        ][kind]
        for name, value in (("arm_flex", flex), ("arm_abd", abd), ("arm_twist", twist), ("elbow", elbow)):
            _put(p, value + rng.normal(0, 8), f"{s}_{name}")


EXTRAS = [(_bend, 0.14), (_kick, 0.16), (_lunge, 0.09), (_stride, 0.1), (_lean, 0.09), (_sit, 0.05), (_arms, 0.2)]


def random_pose(rng: np.random.Generator) -> np.ndarray:
    """A pose of body.random_pose or, as often, one taken further by the functions above."""
    pose = body.random_pose(rng)
    if rng.random() < 0.5:
        for change, chance in EXTRAS:
            if rng.random() < 2 * chance:
                change(rng, pose)
    if rng.random() < 0.3:  # from the side or behind, looking anywhere
        _put(pose, rng.uniform(50, 310), "yaw")
        _put(pose, rng.uniform(-75, 75), "head_yaw")
    return pose


def moved(rng: np.random.Generator, pose: np.ndarray, count: int) -> list[np.ndarray]:
    """count poses about one: what the body does while the shutter is open."""
    step = np.radians(np.where(rng.random(len(pose)) < 0.4, rng.normal(0, 9, len(pose)), 0))
    step[IX["jump"]] = 0
    step[: IX["l_arm_flex"]] *= 0.4
    return [pose + step * (k - (count - 1) / 2) for k in range(count)]
