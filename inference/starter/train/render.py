"""Ray casting of tapered capsules (two spheres and the cone that touches both), compiled by numba.

Camera space: x right, y down, z away from the camera, in body heights. Images are float32 RGB, 0–1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

# Columns of a capsule: ends a and b, their radii, and the index of its material.
AX, BX, RA, RB, MAT = 0, 3, 6, 7, 8
COLUMNS = 9

# Columns of a material: two colours, pattern (0 plain, 1 rings, 2 stripes, 3 checks, 4 dots, 5 blotches), scale, gloss.
MATERIAL_COLUMNS = 9


@dataclass
class Camera:
    """A pinhole: rotation (world to camera rows), position in the world, focal length and centre in pixels."""

    rotation: np.ndarray
    position: np.ndarray
    focal: float
    cx: float
    cy: float

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        return (points - self.position) @ self.rotation.T

    def project(self, points: np.ndarray) -> np.ndarray:
        """World points (n×3) to pixels and depth (n×3)."""
        q = self.to_camera(points)
        return np.stack([q[:, 0] / q[:, 2] * self.focal + self.cx, q[:, 1] / q[:, 2] * self.focal + self.cy, q[:, 2]], 1)


@njit(cache=True, fastmath=True)
def _hit(dx, dy, dz, ax, ay, az, ux, uy, uz, length, ra, rb):
    """Where the ray t·d from the origin (|d| = 1) first meets the tapered capsule.

    The side satisfies rho·c + z·s = ra with z along the axis, rho away from it and s = (ra − rb)/length;
    it runs from z = ra·s to length + rb·s, and spheres close both ends. Returns t (0: no hit) and z.
    """
    aa = ax * ax + ay * ay + az * az
    ad = ax * dx + ay * dy + az * dz
    au = ax * ux + ay * uy + az * uz
    best, best_z = 0.0, 0.0
    if length > 1e-6 and abs(ra - rb) < length:
        s = (ra - rb) / length
        cc = 1.0 - s * s
        zd = ux * dx + uy * dy + uz * dz
        e = ra + au * s
        qa = cc - zd * zd
        qb = -cc * ad + au * zd + s * zd * ra
        qc = cc * (aa - au * au) - e * e
        disc = qb * qb - qa * qc
        if disc > 0 and abs(qa) > 1e-9:
            t = (-qb - np.sqrt(disc)) / qa
            z = t * zd - au
            if t > 0 and z >= ra * s and z <= length + rb * s:
                return t, z
    disc = ad * ad - aa + ra * ra
    if disc > 0:
        best, best_z = ad - np.sqrt(disc), 0.0
    bx, by, bz = ax + ux * length, ay + uy * length, az + uz * length
    bd = bx * dx + by * dy + bz * dz
    disc = bd * bd - (bx * bx + by * by + bz * bz) + rb * rb
    if disc > 0:
        t = bd - np.sqrt(disc)
        if best <= 0 or t < best:
            best, best_z = t, length
    return best, best_z


@njit(cache=True, fastmath=True)
def _pattern(kind, scale, z, p, q):
    """0–1: how much of the second colour is at this place of the cloth (z along the limb, p and q across it)."""
    if kind == 1:
        return 1.0 if np.sin(z * scale) > 0.2 else 0.0
    if kind == 2:
        return 1.0 if np.sin(p * scale) > 0.2 else 0.0
    if kind == 3:
        return 0.5 * (1.0 if np.sin(z * scale) > 0 else 0.0) + 0.5 * (1.0 if np.sin(p * scale) > 0 else 0.0)
    if kind == 4:
        return 1.0 if np.sin(z * scale) * np.sin(p * scale) > 0.55 else 0.0
    if kind == 5:
        v = np.sin(z * scale + 3 * np.sin(p * scale * 0.7)) + np.sin(q * scale * 1.3 + 2 * np.sin(z * scale * 0.6))
        return min(1.0, max(0.0, 0.5 + 0.9 * v))
    return 0.0


@njit(cache=True, fastmath=True)
def _cast(caps, focal, cx, cy, depth, index, along):
    """Fills depth (distance along the ray), index (capsule, −1 none) and along (place on its axis)."""
    height, width = depth.shape
    for k in range(caps.shape[0]):
        ax, ay, az = caps[k, 0], caps[k, 1], caps[k, 2]
        bx, by, bz = caps[k, 3], caps[k, 4], caps[k, 5]
        ra, rb = caps[k, 6], caps[k, 7]
        if az - ra < 0.2 or bz - rb < 0.2:
            continue
        ux, uy, uz = bx - ax, by - ay, bz - az
        length = np.sqrt(ux * ux + uy * uy + uz * uz)
        if length > 1e-6:
            ux, uy, uz = ux / length, uy / length, uz / length
        pa, pb = focal / (az - ra), focal / (bz - rb)
        x0 = min((ax - ra) * (pa if ax < ra else focal / (az + ra)), (bx - rb) * (pb if bx < rb else focal / (bz + rb))) + cx
        x1 = max((ax + ra) * (pa if ax > -ra else focal / (az + ra)), (bx + rb) * (pb if bx > -rb else focal / (bz + rb))) + cx
        y0 = min((ay - ra) * (pa if ay < ra else focal / (az + ra)), (by - rb) * (pb if by < rb else focal / (bz + rb))) + cy
        y1 = max((ay + ra) * (pa if ay > -ra else focal / (az + ra)), (by + rb) * (pb if by > -rb else focal / (bz + rb))) + cy
        for v in range(max(0, int(y0) - 1), min(height, int(y1) + 2)):
            for u in range(max(0, int(x0) - 1), min(width, int(x1) + 2)):
                dx, dy = (u + 0.5 - cx) / focal, (v + 0.5 - cy) / focal
                n = 1.0 / np.sqrt(dx * dx + dy * dy + 1.0)
                t, z = _hit(dx * n, dy * n, n, ax, ay, az, ux, uy, uz, length, ra, rb)
                if t > 0 and t < depth[v, u]:
                    depth[v, u] = t
                    index[v, u] = k
                    along[v, u] = z


@njit(cache=True, fastmath=True)
def _shade(caps, materials, focal, cx, cy, depth, index, along, light, ambient, rgb):
    """Colours every hit: pattern, one distant light (Lambert, wrapped), sky light from above, a little gloss."""
    height, width = depth.shape
    for v in range(height):
        for u in range(width):
            k = index[v, u]
            if k < 0:
                continue
            dx, dy = (u + 0.5 - cx) / focal, (v + 0.5 - cy) / focal
            n = depth[v, u] / np.sqrt(dx * dx + dy * dy + 1.0)
            px, py, pz = dx * n - caps[k, 0], dy * n - caps[k, 1], n - caps[k, 2]
            ux, uy, uz = caps[k, 3] - caps[k, 0], caps[k, 4] - caps[k, 1], caps[k, 5] - caps[k, 2]
            length = np.sqrt(ux * ux + uy * uy + uz * uz) + 1e-9
            ux, uy, uz = ux / length, uy / length, uz / length
            z = along[v, u]
            r = caps[k, 6] + (caps[k, 7] - caps[k, 6]) * min(1.0, max(0.0, z / length))
            nx, ny, nz = px - ux * z, py - uy * z, pz - uz * z
            norm = 1.0 / (np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9)
            m = materials[int(caps[k, 8])]
            side = nx * 0.8 + nz * 0.6
            mix = _pattern(int(m[6]), m[7], z, side, ny - nz * 0.5 + r)
            nx, ny, nz = nx * norm, ny * norm, nz * norm
            lambert = nx * light[0] + ny * light[1] + nz * light[2]
            diffuse = max(0.0, 0.2 + 0.8 * lambert)
            bright = ambient * (0.75 - 0.25 * ny) + (1 - ambient) * diffuse * light[3]
            gloss = m[8] * max(0.0, lambert) ** 12
            for c in range(3):
                rgb[v, u, c] = (m[c] * (1 - mix) + m[3 + c] * mix) * bright * light[4 + c] + gloss


@dataclass
class Cast:
    """What the rays met: distance (inf: nothing), capsule (−1: nothing) and colour, at the size cast."""

    depth: np.ndarray
    index: np.ndarray
    rgb: np.ndarray


def cast(caps: np.ndarray, materials: np.ndarray, cam: Camera, size: tuple[int, int], light: np.ndarray, ambient: float) -> Cast:
    """Renders capsules given in world coordinates. size is (width, height); light: direction to it in
    camera space (3), strength, colour (3)."""
    width, height = size
    c = caps.astype(np.float64).copy()
    c[:, 0:3] = cam.to_camera(c[:, 0:3])
    c[:, 3:6] = cam.to_camera(c[:, 3:6])
    depth = np.full((height, width), np.inf, np.float64)
    index = np.full((height, width), -1, np.int32)
    along = np.zeros((height, width), np.float64)
    rgb = np.zeros((height, width, 3), np.float32)
    _cast(c, cam.focal, cam.cx, cam.cy, depth, index, along)
    _shade(c, materials.astype(np.float64), cam.focal, cam.cx, cam.cy, depth, index, along, light.astype(np.float64), ambient, rgb)
    return Cast(depth, index, rgb)


def seen(points: np.ndarray, deep: np.ndarray, cam: Camera, result: Cast) -> np.ndarray:
    """Which world points the camera sees: inside the image, and no deeper below the first surface than deep."""
    height, width = result.depth.shape
    px = cam.project(points)
    out = np.zeros(len(points), bool)
    distance = np.linalg.norm(cam.to_camera(points), axis=1)
    for i, (x, y, z) in enumerate(px):
        u, v = int(np.floor(x)), int(np.floor(y))
        if z > 0 and 0 <= u < width and 0 <= v < height:
            out[i] = distance[i] - result.depth[v, u] <= deep[i]
    return out
