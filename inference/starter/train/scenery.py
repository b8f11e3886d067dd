"""Backgrounds with the statistics of photographs: rooms, streets and woods, and heaps of textured shapes.

Everything is drawn by numbers; noise falls with frequency as in pictures of nature, and colours are muted.
"""

from __future__ import annotations

import cv2
import numpy as np

import scene
from surface import pink
from wardrobe import tone


def noise(rng: np.random.Generator, size: tuple[int, int], power: float, colour: float = 0.3) -> np.ndarray:
    """height×width×3 noise of deviation about 1; colour 0 is grey, 1 independent channels."""
    n = 128
    grey = pink(rng, n, power)
    rgb = np.stack([grey * (1 - colour) + colour * pink(rng, n, power) for _ in range(3)], 2) if colour else np.repeat(grey[..., None], 3, 2)
    k = int(np.exp(rng.uniform(np.log(24), np.log(n))))
    return cv2.resize(np.ascontiguousarray(rgb[:k, :k]), size, interpolation=cv2.INTER_CUBIC)


def _light(rng, size) -> np.ndarray:
    """How lamps and windows light a scene: a smooth factor about 1."""
    w, h = size
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    cx, cy, r = rng.uniform(-0.2, 1.2) * w, rng.uniform(-0.3, 0.8) * h, rng.uniform(0.4, 1.5) * max(w, h)
    spot = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (r * r))
    a = rng.uniform(0, 0.6)
    return (1 - a + 1.4 * a * spot)[..., None].astype(np.float32)


def _patch(rng, img, x0, y0, x1, y1, c, grain) -> None:
    """A rectangle of one material, with a lit and a shaded edge."""
    h, w = img.shape[:2]
    x0, x1, y0, y1 = max(0, int(x0)), min(w, int(x1)), max(0, int(y0)), min(h, int(y1))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    ramp = np.linspace(rng.uniform(0.8, 1.2), rng.uniform(0.8, 1.2), y1 - y0, dtype=np.float32)[:, None, None]
    img[y0:y1, x0:x1] = c * ramp * (1 + grain * noise(rng, (x1 - x0, y1 - y0), rng.uniform(0.8, 2), 0.1))
    edge = max(1, int(rng.uniform(0, 0.012) * h))
    img[y0 : y0 + edge, x0:x1] *= rng.uniform(0.6, 1.3)
    img[y0:y1, x0 : x0 + edge] *= rng.uniform(0.5, 1.3)
    img[y1 - edge : y1, x0:x1] *= rng.uniform(0.4, 1)


def _thing(rng, img, floor) -> None:
    """Furniture and what hangs on walls: cupboards, doors, windows, mirrors, posters, radiators, curtains."""
    h, w = img.shape[:2]
    kind = rng.integers(6)
    ww, hh = rng.uniform(0.06, 0.45) * w, rng.uniform(0.08, 0.5) * h
    x = rng.uniform(-0.15, 0.95) * w
    if kind <= 1:  # stands on the floor
        y1 = floor + rng.uniform(0, 0.1) * h
        y0, c = y1 - hh, tone(rng)
        _patch(rng, img, x, y0, x + ww, y1, c, 0.08)
        rows, cols = rng.integers(1, 5), rng.integers(1, 4)
        for r in range(rows):
            for q in range(cols):
                if rng.random() < 0.8:
                    left, top, right, low = x + ww * (q + 0.06) / cols, y0 + hh * (r + 0.06) / rows, x + ww * (q + 0.94) / cols, y0 + hh * (r + 0.94) / rows
                    _patch(rng, img, left, top, right, low, c * rng.uniform(0.6, 1.2), 0.1)
    elif kind == 2:  # window or mirror
        y0 = rng.uniform(-0.1, 0.5) * h
        bright = tone(rng) * 0.2 + rng.uniform(0.3, 0.9)
        _patch(rng, img, x - 3, y0 - 3, x + ww + 3, y0 + hh + 3, tone(rng), 0.05)
        _patch(rng, img, x, y0, x + ww, y0 + hh, bright, 0.25)
        for q in range(1, int(rng.integers(1, 4))):
            _patch(rng, img, x + ww * q / 3, y0, x + ww * q / 3 + max(2, 0.01 * w), y0 + hh, tone(rng), 0)
    elif kind == 3:  # curtain or column: upright folds
        fold = np.sin(np.linspace(0, rng.uniform(10, 60), max(2, int(ww)))).astype(np.float32)
        x0, x1 = max(0, int(x)), min(w, int(x) + len(fold))
        if x1 > x0:
            c = tone(rng)
            img[: int(floor), x0:x1] = c * (1 + 0.2 * fold[x0 - int(x) : x1 - int(x)][None, :, None])
    elif kind == 4:  # picture or poster
        y0 = rng.uniform(0, 0.6) * h
        _patch(rng, img, x, y0, x + ww * 0.6, y0 + hh * 0.6, tone(rng), 0.05)
        _patch(rng, img, x + 3, y0 + 3, x + ww * 0.6 - 3, y0 + hh * 0.6 - 3, tone(rng), 0.5)
    else:  # stand, pole, cable
        c = tuple((tone(rng) * rng.uniform(0.2, 0.8)).tolist())
        lean = rng.normal(0, 0.03) * w
        top, bottom = (x, rng.uniform(-0.1, 0.6) * h), (x + lean, floor + rng.uniform(0, 0.15) * h)
        cv2.line(img, tuple(map(int, top)), tuple(map(int, bottom)), c, max(1, int(rng.uniform(0.003, 0.025) * w)), cv2.LINE_AA)


def room(rng, size, horizon) -> np.ndarray:
    w, h = size
    floor = int(np.clip(horizon, 0.15 * h, 0.97 * h))
    img = np.empty((h, w, 3), np.float32)
    img[:floor] = tone(rng) * (1 + rng.uniform(0, 0.05) * noise(rng, (w, floor), 1.2, 0.1))
    img[floor:] = tone(rng) * (1 + rng.uniform(0, 0.12) * noise(rng, (w, h - floor), rng.uniform(0.8, 2), 0.1))
    for _ in range(int(rng.integers(0, 3))):  # panels, strips and skirting of the wall
        y = rng.uniform(0.3, 1) * floor
        _patch(rng, img, 0, y, w, min(floor, y + rng.uniform(0.01, 0.3) * h), tone(rng), 0.03)
    if rng.random() < 0.5:
        _patch(rng, img, rng.uniform(0, 0.8) * w, -1, w * rng.uniform(0.6, 1.2), floor, tone(rng), 0.04)
    for _ in range(int(rng.integers(0, 9))):
        _thing(rng, img, floor)
    if rng.random() < 0.6:  # boards or tiles, running away from the camera
        shade, cx = float(rng.uniform(0.5, 1.2)), rng.uniform(-0.5, 1.5) * w
        for x in np.linspace(-3 * w, 4 * w, int(rng.integers(8, 60))):
            cv2.line(img, (int(cx + (x - cx) * 0.35), floor), (int(x), h), tuple((img[-1, w // 2] * shade).tolist()), 1, cv2.LINE_AA)
    if rng.random() < 0.4:
        depth = max(2, h - floor)
        img[floor:] = img[floor:] * 0.7 + 0.3 * cv2.GaussianBlur(cv2.resize(img[max(0, floor - depth) : floor][::-1], (w, h - floor)), (0, 0), 0.02 * w)
    return img


def _foliage(rng, size, power) -> np.ndarray:
    a, b = rng.uniform(0.02, 0.3, 3), rng.uniform(0.3, 0.95, 3)
    a[1], b[1] = a[1] + 0.08, min(1, b[1] + 0.1)
    if rng.random() < 0.5:
        b[2] *= 0.5
    mix = 1 / (1 + np.exp(-rng.uniform(1, 4) * (noise(rng, size, power, 0.08) + rng.uniform(-1, 1))))
    return (a + (b - a) * mix).astype(np.float32)


def outdoors(rng, size, horizon) -> np.ndarray:
    w, h = size
    line = int(np.clip(horizon - rng.uniform(0, 0.25) * h, 0.1 * h, 0.9 * h))
    img = np.empty((h, w, 3), np.float32)
    sky, ramp = rng.uniform(0.5, 1) * np.array([rng.uniform(0.6, 1), rng.uniform(0.75, 1), 1.0]), np.linspace(1, rng.uniform(0.7, 1.2), line)[:, None, None]
    img[:line] = sky * ramp + rng.uniform(0, 0.1) * noise(rng, (w, line), 2, 0)
    tall = int(rng.uniform(0.2, 1.1) * line)
    skyline = line - tall * (0.6 + 0.4 * cv2.resize(pink(rng, 64, 1.2)[:1], (w, 1), interpolation=cv2.INTER_CUBIC)[0] * 0.6)
    back = _foliage(rng, (w, line), rng.uniform(0.6, 1.4)) if rng.random() < 0.65 else tone(rng) * (1 + 0.15 * noise(rng, (w, line), 1, 0.1))
    if rng.random() < 0.35:  # houses
        for _ in range(int(rng.integers(1, 7))):
            x, ww, top = rng.uniform(-0.1, 0.9) * w, rng.uniform(0.1, 0.5) * w, rng.uniform(0, 0.8) * line
            _patch(rng, back, x, top, x + ww, line, tone(rng), 0.1)
            n = int(rng.integers(2, 7))
            for q in range(n * n):
                at, up, tall = x + ww * (q % n) / n, top + (line - top) * (q // n) / n, line - top
                _patch(rng, back, at + 0.25 * ww / n, up + 0.2 * tall / n, at + 0.75 * ww / n, up + 0.7 * tall / n, tone(rng) * 0.6, 0.2)
        skyline[:] = -1
    above = np.arange(line)[:, None] < skyline[None]
    img[:line] = np.where(above[..., None], img[:line], back)
    below = (w, h - line)
    if rng.random() < 0.45:
        img[line:] = _foliage(rng, below, rng.uniform(0.4, 1.2))
    else:
        img[line:] = tone(rng) * (1 + rng.uniform(0.02, 0.2) * noise(rng, below, rng.uniform(0.3, 1.3), 0.1))
    if rng.random() < 0.5:  # a road or path
        x = rng.uniform(0.1, 0.9) * w
        quad = np.array([[x - 0.05 * w, line], [x + 0.05 * w, line], [x + rng.uniform(0.2, 1) * w, h], [x - rng.uniform(0.2, 1) * w, h]], np.int32)
        mask = cv2.fillPoly(np.zeros((h, w), np.float32), [quad], 1.0)[..., None]
        img = img * (1 - mask) + mask * np.float32(tone(rng)) * (1 + 0.1 * noise(rng, size, 0.7, 0.05))
    for _ in range(int(rng.integers(0, 7)) if rng.random() < 0.6 else 0):  # trunks
        x, r = rng.uniform(0, w), rng.uniform(0.005, 0.05) * w
        _patch(rng, img, x - r, -1, x + r, line + rng.uniform(0, 0.2) * h, rng.uniform(0.05, 0.6) * np.array([1, 0.9, 0.8]), 0.3)
    if rng.random() < 0.4:  # spots of sun
        img = img * (1 + rng.uniform(0.2, 0.8) * (noise(rng, size, 1.2, 0) > 0.7))
    return img.astype(np.float32)


def heap(rng, size) -> np.ndarray:
    """Dead leaves: shapes of every size, each of one textured material, lying on each other."""
    w, h = size
    img = tone(rng) * (1 + 0.2 * noise(rng, size, 1.3)).astype(np.float32)
    grain = noise(rng, size, rng.uniform(0.5, 1.5), 0.2)
    for _ in range(int(rng.integers(15, 90))):
        s = 0.02 * h * (rng.random() + 1e-3) ** -0.7
        c, at = tone(rng), rng.uniform(0, 1, 2) * [w, h]
        if rng.random() < 0.5:
            a = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 8))))
            pts = (at + s * np.stack([np.cos(a), np.sin(a)], 1) * rng.uniform(0.4, 1.3, (len(a), 1))).astype(np.int32)
        else:
            pts = cv2.ellipse2Poly((int(at[0]), int(at[1])), (max(1, int(s)), max(1, int(s * rng.uniform(0.15, 1)))), int(rng.uniform(0, 180)), 0, 360, 15)
        cv2.fillPoly(img, [pts], tuple(c.tolist()), cv2.LINE_AA)
    return img * (1 + rng.uniform(0, 0.25) * grain)


def background(rng: np.random.Generator, size: tuple[int, int], horizon: float) -> np.ndarray:
    """float32 RGB 0–1; horizon is where the floor ends, in pixels from the top."""
    kind = rng.random()
    if kind < 0.42:
        img = room(rng, size, horizon)
    elif kind < 0.67:
        img = outdoors(rng, size, horizon)
    elif kind < 0.83:
        img = heap(rng, size)
    elif kind < 0.9:
        img = tone(rng) * np.ones((size[1], size[0], 3), np.float32) * (1 + rng.uniform(0, 0.06) * noise(rng, size, 2, 0.1))
    else:
        img = scene.background(rng, size, horizon)
    img = img * _light(rng, size)
    img = img + rng.uniform(0, 0.03) * noise(rng, size, rng.uniform(0.3, 1.2), 0.2)
    if rng.random() < 0.45:
        img = cv2.GaussianBlur(img.astype(np.float32), (0, 0), np.exp(rng.uniform(np.log(0.5), np.log(6))))
    return np.clip(img * rng.uniform(0.6, 1.25), 0, 1).astype(np.float32)
