"""Skin and cloth for the capsules of render.py: normals that flow across joints, folds, woven noise, shadows.

The capsules' own shading shows where each one begins; here the normals are smoothed over the picture, so that a
figure looks like one body in one piece of clothing.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit

import render

BANK = 256  # the side of the noise bank; it repeats


@dataclass
class Layer:
    """A picture of capsules: rgb (float32, 0–1, black where nothing is), depth (inf: nothing), index (−1: nothing)."""

    rgb: np.ndarray
    depth: np.ndarray
    index: np.ndarray


@functools.lru_cache(maxsize=None)
def _stock(n: int, power: float, number: int) -> np.ndarray:
    fy, fx = np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None]
    f = np.sqrt(fx * fx + fy * fy)
    f[0, 0] = 1
    spectrum = np.fft.rfft2(np.random.default_rng([n, number]).standard_normal((n, n))) / f**power
    spectrum[0, 0] = 0
    x = np.fft.irfft2(spectrum, (n, n))
    return (x / (x.std() + 1e-9)).astype(np.float32)


def pink(rng: np.random.Generator, n: int, power: float) -> np.ndarray:
    """n×n noise that repeats, its spectrum falling with the frequency to the given power; mean 0, deviation 1.
    Taken from a stock of 16 a fifth of a power, shifted and turned, as making it anew takes most of a frame's time."""
    x = np.roll(_stock(n, round(power * 5) / 5, int(rng.integers(16))), tuple(rng.integers(0, n, 2).tolist()), (0, 1))
    x = x.T if rng.random() < 0.5 else x
    return np.ascontiguousarray(x[::-1] if rng.random() < 0.5 else x) * (1 if rng.random() < 0.5 else -1)


@njit(cache=True, fastmath=True)
def _surface(caps, materials, focal, cx, cy, depth, index, along, bank, wobble, normal, albedo, gloss):
    """The normal, the cloth's own colour and the gloss at every hit."""
    height, width = depth.shape
    n = bank.shape[0]
    for v in range(height):
        for u in range(width):
            k = index[v, u]
            if k < 0:
                continue
            dx, dy = (u + 0.5 - cx) / focal, (v + 0.5 - cy) / focal
            t = depth[v, u] / np.sqrt(dx * dx + dy * dy + 1.0)
            px, py, pz = dx * t - caps[k, 0], dy * t - caps[k, 1], t - caps[k, 2]
            ux, uy, uz = caps[k, 3] - caps[k, 0], caps[k, 4] - caps[k, 1], caps[k, 5] - caps[k, 2]
            length = np.sqrt(ux * ux + uy * uy + uz * uz) + 1e-9
            ux, uy, uz = ux / length, uy / length, uz / length
            z = min(length, max(0.0, along[v, u]))
            nx, ny, nz = px - ux * z, py - uy * z, pz - uz * z
            norm = 1.0 / (np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9)
            m = materials[int(caps[k, 8])]
            side = nx * 0.8 + nz * 0.6
            i, j = int((z + k * 0.37) * 350) % n, int((side + k * 0.61) * 350) % n
            grain = bank[i, j]
            a = wobble * bank[(i // 3) % n, (j // 3) % n]
            mix = render._pattern(int(m[6]), m[7], z + a, side + a, ny - nz * 0.5)
            for c in range(3):
                albedo[v, u, c] = (m[c] * (1 - mix) + m[3 + c] * mix) * (1.0 + m[9] * grain)
            normal[v, u, 0], normal[v, u, 1], normal[v, u, 2] = nx * norm, ny * norm, nz * norm
            gloss[v, u] = m[8]


def _spread(x: np.ndarray, cover: np.ndarray, sigma: float) -> np.ndarray:
    """x blurred where cover is, without what lies outside."""
    weight = cv2.GaussianBlur(cover, (0, 0), sigma) + 1e-4
    y = cv2.GaussianBlur(x * (cover[..., None] if x.ndim == 3 else cover), (0, 0), sigma)
    return y / (weight[..., None] if x.ndim == 3 else weight)


def _shadow(depth: np.ndarray, cover: np.ndarray, light: np.ndarray, unit: float) -> np.ndarray:
    """0–1: how much of the light is kept from each place by what stands before it (in the picture's plane)."""
    out = np.zeros(cover.shape, np.float32)
    for far in (0.02, 0.05, 0.1):
        m = np.float32([[1, 0, -light[0] * far * unit], [0, 1, -light[1] * far * unit]])
        near = cv2.warpAffine(depth, m, depth.shape[1::-1], flags=cv2.INTER_NEAREST, borderValue=1e3)
        gap = depth - near
        out = np.maximum(out, ((gap > 0.5 * far) & (gap < 0.5)).astype(np.float32))
    return cv2.GaussianBlur(out, (0, 0), max(0.6, 0.008 * unit)) * cover


def paint(rng: np.random.Generator, caps: np.ndarray, materials: np.ndarray, cam: render.Camera, size: tuple[int, int], light: np.ndarray, ambient: float) -> Layer:
    """Renders capsules (world coordinates); materials have a tenth column, the strength of the grain."""
    width, height = size
    c = caps.astype(np.float64).copy()
    c[:, 0:3], c[:, 3:6] = cam.to_camera(c[:, 0:3]), cam.to_camera(c[:, 3:6])
    depth, index = np.full((height, width), np.inf), np.full((height, width), -1, np.int32)
    along = np.zeros((height, width))
    render._cast(c, cam.focal, cam.cx, cam.cy, depth, index, along)
    cover = (index >= 0).astype(np.float32)
    if not cover.any():
        return Layer(np.zeros((height, width, 3), np.float32), depth, index)
    normal, albedo = np.zeros((height, width, 3), np.float32), np.zeros((height, width, 3), np.float32)
    gloss = np.zeros((height, width), np.float32)
    bank = pink(rng, BANK, rng.uniform(0.4, 1.3))
    _surface(c, materials.astype(np.float64), cam.focal, cam.cx, cam.cy, depth, index, along, bank, rng.uniform(0, 0.006), normal, albedo, gloss)
    near = np.where(index >= 0, depth, 0).astype(np.float32)
    unit = cam.focal / float(np.median(near[index >= 0]))  # pixels a body height
    normal = normal * 0.3 + _spread(normal, cover, max(0.7, rng.uniform(0.006, 0.022) * unit))
    folds = np.tile(pink(rng, BANK, rng.uniform(1.2, 2.0)), (2, 2))[: max(8, int(1.2 * BANK)), : int(1.2 * BANK)]
    folds = cv2.resize(folds, size, interpolation=cv2.INTER_CUBIC)
    strength = 0.018 * rng.random() ** 1.5 * unit * (gloss < 0.055)
    normal[..., 0] += strength * cv2.Sobel(folds, cv2.CV_32F, 1, 0) / 8
    normal[..., 1] += strength * cv2.Sobel(folds, cv2.CV_32F, 0, 1) / 8
    normal /= np.linalg.norm(normal, axis=2, keepdims=True) + 1e-6
    lambert = normal @ light[:3].astype(np.float32)
    wrap = rng.uniform(0.1, 0.5)
    flat = np.where(index >= 0, depth, 1e3).astype(np.float32)
    diffuse = np.maximum(0, (lambert + wrap) / (1 + wrap)) * (1 - rng.uniform(0.2, 0.8) * _shadow(flat, cover, light, unit))
    hollow = np.clip((near - _spread(near, cover, max(1.0, 0.03 * unit))) / 0.08, 0, 1)
    sky = (0.75 - 0.25 * normal[..., 1]) * (1 - rng.uniform(0.2, 0.6) * hollow)
    bright = ambient * sky + (1 - ambient) * diffuse * light[3]
    rgb = albedo * bright[..., None] * light[4:7].astype(np.float32)
    rgb += (gloss * np.maximum(0, lambert) ** 10)[..., None]
    return Layer((np.maximum(rgb, 0) * cover[..., None]).astype(np.float32), depth, index)
