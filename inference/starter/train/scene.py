"""What is around the figure: camera, light, background, distractors, and what a camera does to a picture."""

from __future__ import annotations

import cv2
import numpy as np

from clothes import colour
from render import COLUMNS, Camera


def look_at(target: np.ndarray, yaw: float, pitch: float, roll: float, distance: float) -> tuple[np.ndarray, np.ndarray]:
    """A camera at distance from target, pitch > 0 looking down. Returns the rotation (rows x, y down, z) and position."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    back = np.array([sy * cp, sp, cy * cp])
    forward = -back
    right = np.array([cy, 0, -sy])
    down = np.cross(forward, right)
    cr, sr = np.cos(roll), np.sin(roll)
    rotation = np.stack([cr * right + sr * down, -sr * right + cr * down, forward])
    return rotation, target + back * distance


def frame_camera(rng: np.random.Generator, points: np.ndarray, size: tuple[int, int], fraction: float) -> Camera:
    """A camera that shows points (world) at fraction of the frame's height, somewhere in the frame and mostly inside."""
    width, height = size
    centre = 0.5 * (points.min(0) + points.max(0))
    pitch = np.clip(rng.normal(0.08, 0.13), -0.25, 0.6)
    roll = rng.normal(0, 0.035)
    distance = rng.uniform(2.2, 6.5)
    rotation, position = look_at(centre, 0.0, pitch, roll, distance)
    cam = Camera(rotation, position, 1.0, 0.0, 0.0)
    px = cam.project(points)
    span = px[:, :2].max(0) - px[:, :2].min(0)
    focal = fraction * height / max(span[1], 0.6 / distance)
    allowed = 1.15 if rng.random() < 0.2 else 0.97
    focal = min(focal, allowed * width / span[0])
    lo, hi = px[:, :2].min(0) * focal, px[:, :2].max(0) * focal
    place = []
    for k, n in ((0, width), (1, height)):
        free = n - (hi[k] - lo[k])
        slack = rng.uniform(0.02, 0.98) if free > 0 else 0.5
        spill = rng.normal(0, 0.06) * n if rng.random() < 0.2 else 0.0
        place.append(free * slack - lo[k] + spill)
    return Camera(rotation, position, focal, place[0], place[1])


def random_light(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """The light of render.cast (direction in camera space, strength, colour) and the ambient share."""
    d = np.array([rng.normal(0, 0.8), -abs(rng.normal(0.7, 0.5)), -abs(rng.normal(0.7, 0.5)) - 0.15])
    d /= np.linalg.norm(d)
    warm = rng.normal(0, 0.08)
    return np.array([*d, rng.uniform(0.8, 1.3), 1 + warm, 1.0, 1 - warm]), float(rng.uniform(0.3, 0.75))


def noise_field(rng: np.random.Generator, size: tuple[int, int], coarse: int) -> np.ndarray:
    """Smooth noise, height×width×3, about −1..1; coarse is the number of cells along the width."""
    cells = max(2, coarse)
    grid = rng.uniform(-1, 1, (max(2, int(cells * size[1] / size[0])), cells, 3)).astype(np.float32)
    return cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC)


def _gradient(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    width, height = size
    a, b = colour(rng), colour(rng)
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.cos(angle) * np.linspace(-0.5, 0.5, width)[None] + np.sin(angle) * np.linspace(-0.5, 0.5, height)[:, None]
    ramp = np.clip(ramp + 0.5, 0, 1)[..., None]
    return (a * (1 - ramp) + b * ramp).astype(np.float32)


def room(rng: np.random.Generator, size: tuple[int, int], horizon: float) -> np.ndarray:
    """A wall and a floor, with planks or tiles, a skirting board, and boxes of furniture and pictures."""
    width, height = size
    img = np.empty((height, width, 3), np.float32)
    h = int(np.clip(horizon, 0.2 * height, 0.98 * height))
    img[:h], img[h:] = colour(rng), colour(rng)
    if rng.random() < 0.5:
        n, tint = int(rng.integers(5, 30)), 1 + rng.uniform(-0.25, 0.25)
        for x in range(n):
            if x % 2:
                img[:h, x * width // n : (x + 1) * width // n] *= tint
    shade = float(rng.uniform(0.6, 0.95))
    for x in np.linspace(-2 * width, 3 * width, int(rng.integers(8, 40))):
        top = int(width / 2 + (x - width / 2) * 0.35)
        cv2.line(img, (top, h), (int(x), height), tuple((img[-1, 0] * shade).tolist()), 1, cv2.LINE_AA)
    cv2.line(img, (0, h), (width, h), tuple(colour(rng).tolist()), int(rng.integers(1, 6)))
    for _ in range(int(rng.integers(0, 7))):
        _box(rng, img, h)
    return img


def _box(rng: np.random.Generator, img: np.ndarray, floor: int) -> None:
    """A cupboard, a picture, a window, a door: a rectangle with an edge and perhaps shelves."""
    height, width = img.shape[:2]
    w, h = int(rng.uniform(0.06, 0.4) * width), int(rng.uniform(0.08, 0.6) * height)
    x = int(rng.uniform(-0.1, 0.95) * width)
    stands = rng.random() < 0.5
    y = floor + int(rng.uniform(0, 0.05) * height) - h if stands else int(rng.uniform(0, 0.6) * height)
    c = colour(rng)
    cv2.rectangle(img, (x, y), (x + w, y + h), tuple(c.tolist()), -1)
    cv2.rectangle(img, (x, y), (x + w, y + h), tuple((c * rng.uniform(0.4, 0.9)).tolist()), int(rng.integers(1, 4)))
    for k in range(int(rng.integers(0, 5))):
        yy = y + h * (k + 1) // 6
        cv2.line(img, (x, yy), (x + w, yy), tuple(colour(rng).tolist()), int(rng.integers(1, 4)))


def shapes(rng: np.random.Generator, img: np.ndarray, count: int) -> None:
    height, width = img.shape[:2]
    for _ in range(count):
        c = tuple(colour(rng).tolist())
        x, y = int(rng.uniform(0, width)), int(rng.uniform(0, height))
        s = rng.uniform(0.02, 0.25) * height
        kind = rng.integers(5)
        if kind == 0:
            cv2.rectangle(img, (x, y), (int(x + s * rng.uniform(0.3, 2)), int(y + s)), c, -1)
        elif kind == 1:
            axes = (max(1, int(s / 2)), max(1, int(s * rng.uniform(0.2, 1))))
            cv2.ellipse(img, (x, y), axes, rng.uniform(0, 180), 0, 360, c, -1, cv2.LINE_AA)
        elif kind == 2:
            pts = (np.array([x, y]) + rng.normal(0, s / 2, (int(rng.integers(3, 7)), 2))).astype(np.int32)
            cv2.fillPoly(img, [pts], c, cv2.LINE_AA)
        elif kind == 3:
            end = (int(x + rng.normal(0, s * 2)), int(y + rng.normal(0, s * 2)))
            cv2.line(img, (x, y), end, c, max(1, int(rng.uniform(0.005, 0.05) * height)), cv2.LINE_AA)
        else:
            cv2.circle(img, (x, y), max(1, int(s / 3)), c, -1, cv2.LINE_AA)


def background(rng: np.random.Generator, size: tuple[int, int], horizon: float) -> np.ndarray:
    """A cluttered picture, float32 RGB 0–1; horizon is where the floor ends, in pixels from the top."""
    kind = rng.random()
    if kind < 0.55:
        img = room(rng, size, horizon)
    elif kind < 0.8:
        img = _gradient(rng, size)
    else:
        img = _gradient(rng, size) * (1 + rng.uniform(0.2, 0.9) * noise_field(rng, size, int(rng.integers(3, 30))))
    if rng.random() < 0.55:
        shapes(rng, img, int(rng.integers(1, 30)))
    if rng.random() < 0.6:
        img = img + rng.uniform(0.02, 0.15) * noise_field(rng, size, int(rng.integers(2, 60)))
    if rng.random() < 0.3:
        img = img + rng.uniform(0.01, 0.12) * noise_field(rng, size, size[0] // 2)
    if rng.random() < 0.4:
        img = cv2.GaussianBlur(img, (0, 0), rng.uniform(0.6, 5))
    return np.clip(img * rng.uniform(0.65, 1.15), 0, 1).astype(np.float32)


def ground_shadow(img: np.ndarray, cam: Camera, feet: np.ndarray, strength: float) -> None:
    """A soft shadow on the floor under points feet (world, n×3), in place."""
    layer = np.zeros(img.shape[:2], np.float32)
    for p in feet:
        ring = p * np.array([1, 0, 1]) + 0.11 * np.array([[np.cos(a), 0, np.sin(a)] for a in np.linspace(0, 2 * np.pi, 14)])
        px = cam.project(ring)
        if px[:, 2].min() > 0.2:
            cv2.fillPoly(layer, [px[:, :2].astype(np.int32)], 1.0)
    layer = cv2.GaussianBlur(layer, (0, 0), max(1.0, 0.025 * cam.focal / 4))
    img *= (1 - strength * layer)[..., None]


def distractors(rng: np.random.Generator, centre: np.ndarray, base: int) -> tuple[np.ndarray, np.ndarray]:
    """Limb-like capsules behind the figure: poles, cushions, chair legs, balls. Returns capsules and materials;
    the materials are numbered from base."""
    caps, mats = [], []
    for _ in range(int(rng.integers(0, 5))):
        tone = np.array([rng.uniform(0.3, 0.95), rng.uniform(0.2, 0.75), rng.uniform(0.15, 0.65)])
        c = np.sort(tone)[::-1] if rng.random() < 0.4 else colour(rng)
        mats.append(np.concatenate([c, colour(rng), [rng.integers(0, 6) if rng.random() < 0.4 else 0, rng.uniform(40, 200), 0.05]]))
        at = centre + np.array([rng.normal(0, 0.7), rng.uniform(-0.6, 0.6), -rng.uniform(0.45, 1.8)])
        for _ in range(int(rng.integers(1, 5))):
            radius = rng.uniform(0.012, 0.075)
            to = at + rng.normal(0, 0.28, 3) * np.array([1, 1, 0.3])
            row = np.empty(COLUMNS)
            row[0:3], row[3:6], row[6], row[7], row[8] = at, to, radius, radius * rng.uniform(0.6, 1.3), base + len(mats) - 1
            caps.append(row)
            at = to if rng.random() < 0.7 else at
    if not caps:
        return np.empty((0, COLUMNS)), np.empty((0, 9))
    return np.array(caps), np.array(mats)


def degrade(rng: np.random.Generator, img: np.ndarray) -> np.ndarray:
    """What lens, sensor and codec do: exposure, white balance, blur, noise, JPEG. Float 0–1 in, uint8 out."""
    img = np.clip(img, 0, 1) ** rng.uniform(0.75, 1.35) * rng.uniform(0.75, 1.15)
    img = img * rng.uniform(0.92, 1.08, 3).astype(np.float32)
    if rng.random() < 0.3:
        grey = img.mean(2, keepdims=True)
        img = grey + (img - grey) * rng.uniform(0.1, 1.3)
    if rng.random() < 0.35:
        img = cv2.GaussianBlur(img.astype(np.float32), (0, 0), rng.uniform(0.4, 1.4))
    if rng.random() < 0.12:
        n = int(rng.integers(3, 8))
        kernel = np.zeros((n, n), np.float32)
        a = rng.uniform(0, np.pi)
        c, d = (n - 1) / 2, (n - 1) / 2 * np.array([np.cos(a), np.sin(a)])
        cv2.line(kernel, tuple(np.round(c - d).astype(int).tolist()), tuple(np.round(c + d).astype(int).tolist()), 1.0, 1)
        img = cv2.filter2D(img.astype(np.float32), -1, kernel / kernel.sum())
    if rng.random() < 0.6:
        img = img + rng.normal(0, rng.uniform(0.003, 0.04), img.shape)
    out = (np.clip(img, 0, 1) * 255 + 0.5).astype(np.uint8)
    if rng.random() < 0.6:
        ok, data = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 92))])
        out = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return out
