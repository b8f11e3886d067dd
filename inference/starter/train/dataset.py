"""Renders training frames with their truth, and keeps what the two models need of each on disk.

A frame gives the pose model a generous crop around the person (the training loop jitters the box inside it)
and the matte model the whole frame, stretched. There are two styles: the plain one here, and that of photo.py.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

import body
import clothes
import render
import scene

STORE_W, STORE_H = 150, 200  # the pose crop kept: the box grown by GROW at the model's aspect
GROW = 1.7
MATTE = 192

SIZES = [(3, 4), (9, 16), (2, 3), (4, 3), (16, 9), (1, 1)]


@dataclass
class Frame:
    """One picture (uint8 RGB) with its truth: mask 0–255, keypoints 17×3 (x, y, state), body height, box."""

    image: np.ndarray
    mask: np.ndarray
    keypoints: np.ndarray  # state: 0 outside the picture, 1 hidden, 2 seen
    height: float  # standing body height in pixels at the body's distance
    box: tuple[float, float, float, float]  # x, y, w, h of the mask; zeros when there is nobody


def compose(rng, caps, materials, cam, size, bg, light, ambient, feet, scale):
    """Casts at scale times the size, and lays the figure over the background. Returns image, mask and the cast."""
    width, height = size
    big = (int(round(width * scale)), int(round(height * scale)))
    zoom = render.Camera(cam.rotation, cam.position, cam.focal * scale, cam.cx * scale, cam.cy * scale)
    people = caps[caps[:, render.MAT] < 10]
    result = render.cast(caps, materials, zoom, big, light, ambient)
    is_person = np.zeros(len(caps) + 1, bool)
    is_person[: len(caps)] = caps[:, render.MAT] < 10
    cover = (result.index >= 0).astype(np.float32)
    mask = is_person[result.index].astype(np.float32)
    rgb = np.concatenate([result.rgb * cover[..., None], cover[..., None], mask[..., None]], 2)
    if scale != 1:
        shrink = lambda x: cv2.resize(np.ascontiguousarray(x), size, interpolation=cv2.INTER_AREA)
        rgb = np.concatenate([shrink(rgb[..., :3]), np.dstack([shrink(rgb[..., 3]), shrink(rgb[..., 4])])], 2)
    img = bg.copy()
    if len(people) and feet is not None:
        scene.ground_shadow(img, cam, feet, rng.uniform(0, 0.6))
    img = img * (1 - rgb[..., 3:4]) + rgb[..., :3]
    return img, rgb[..., 4], result, zoom


def random_frame(rng: np.random.Generator, empty: float = 0.05) -> Frame:
    """A random figure in a random scene."""
    ratio = SIZES[rng.integers(len(SIZES))]
    long_side = rng.uniform(224, 352) if rng.random() < 0.8 else rng.uniform(352, 640)
    size = tuple(int(2 * round(long_side * r / max(ratio) / 2)) for r in ratio)
    build, outfit = body.random_build(rng), clothes.random_outfit(rng)
    joints = body.joints(body.random_pose(rng), build)
    figure = clothes.dress(joints, build, outfit)
    points = np.concatenate([figure[:, 0:3], figure[:, 3:6]])
    cam = scene.frame_camera(rng, points, size, rng.uniform(0.35, 0.95))
    extra, mats = scene.distractors(rng, points.mean(0), 10)
    nobody = rng.random() < empty
    caps = extra if nobody else np.concatenate([figure, extra])
    light, ambient = scene.random_light(rng)
    feet = np.array([joints[f"{s}_{q}"] for s in "lr" for q in ("heel", "toe")])
    horizon = cam.project(points[:1] * [1, 0, 1] - [0, 0, rng.uniform(0.3, 2.5)])[0, 1]
    bg = scene.background(rng, size, horizon)
    materials = np.concatenate([outfit.materials, mats])
    if len(caps) == 0:
        caps = np.full((1, render.COLUMNS), -9.0)
        caps[0, 8] = 0
    img, mask, result, zoom = compose(rng, caps, materials, cam, size, bg, light, ambient, feet, 1.5 if long_side < 400 else 1.0)
    kp, height = truth(joints, build, zoom, result, zoom.focal / cam.focal, size)
    kp[:, 2] *= not nobody
    return Frame(scene.degrade(rng, img), (mask * 255).astype(np.uint8), kp, height, mask_box(mask))


def truth(joints, build, zoom, result, scale, size):
    """Keypoints (17×3) and the standing body height, in pixels of the frame."""
    pts, deep = body.keypoints(joints, build)
    px = zoom.project(pts)
    seen = render.seen(pts, deep, zoom, result)
    xy = px[:, :2] / scale
    inside = (xy[:, 0] >= 0) & (xy[:, 1] >= 0) & (xy[:, 0] < size[0]) & (xy[:, 1] < size[1])
    kp = np.concatenate([xy, (inside * (1 + seen))[:, None]], 1)
    depth = zoom.project(joints["pelvis"][None])[0, 2]
    b = build
    tall = 0.03 + 0.045 + b.head * 1.9 + b.trunk + b.thigh + b.shin + 0.045
    return kp, float(tall * zoom.focal / depth / scale)


def marks(kp: np.ndarray) -> np.ndarray:
    """Joint centres (17×3 or more, COCO's order) to where people mark them in pictures, and what other models therefore
    learn: shoulders on top of the joint (a ninth of the trunk higher), hips a quarter further out and a little lower."""
    out = kp.copy()
    top, low = kp[5:7, :2].mean(0), kp[11:13, :2].mean(0)
    out[5:7, :2] += 0.11 * (top - low)
    out[11:13, :2] += 0.25 * (kp[11:13, :2] - low) - 0.045 * (top - low)
    return out


def mask_box(mask: np.ndarray) -> tuple[float, float, float, float]:
    ys, xs = np.where(mask > 0.5)
    if len(xs) < 12:
        return 0.0, 0.0, 0.0, 0.0
    return float(xs.min()), float(ys.min()), float(xs.max() + 1 - xs.min()), float(ys.max() + 1 - ys.min())


def crop_matrix(box, out_w: int, out_h: int, grow: float) -> np.ndarray:
    """The 2×3 matrix from frame to crop: the box's centre, grown, one side widened to the aspect of the output."""
    x, y, w, h = box
    cx, cy, w, h = x + w / 2, y + h / 2, w * grow, h * grow
    aspect = out_w / out_h
    if w > h * aspect:
        h = w / aspect
    else:
        w = h * aspect
    s = out_w / w
    return np.array([[s, 0, (w / 2 - cx) * s], [0, s, (h / 2 - cy) * s]])


def keypoint_box(kp: np.ndarray, grow: float = 1.15):
    """The box of the keypoints inside the picture, grown about its centre."""
    pts = kp[kp[:, 2] > 0, :2]
    lo, hi = pts.min(0), pts.max(0)
    c, s = (lo + hi) / 2, (hi - lo) * grow
    return c[0] - s[0] / 2, c[1] - s[1] / 2, s[0], s[1]


def pack(rng: np.random.Generator, f: Frame):
    """What is kept of a frame: crop, crop keypoints, relative size of the keypoint box, matte frame and mask."""
    small = cv2.INTER_AREA if rng.random() < 0.5 else cv2.INTER_LINEAR
    frame = cv2.resize(f.image, (MATTE, MATTE), interpolation=small)
    mask = cv2.resize(f.mask, (MATTE, MATTE), interpolation=cv2.INTER_AREA)
    crop = np.zeros((STORE_H, STORE_W, 3), np.uint8)
    kp = np.zeros((17, 3), np.float32)
    ok = f.box[3] > 24 and (f.keypoints[:, 2] > 0).sum() >= 8
    if ok:
        base = f.box if rng.random() < 0.4 else keypoint_box(f.keypoints)
        m = crop_matrix(base, STORE_W, STORE_H, GROW)
        image = f.image
        if m[0, 0] < 0.7 and rng.random() < 0.5:
            image = cv2.GaussianBlur(image, (0, 0), 0.35 / m[0, 0])
        crop = cv2.warpAffine(image, m, (STORE_W, STORE_H), flags=cv2.INTER_LINEAR)
        kp[:, :2] = f.keypoints[:, :2] @ m[:, :2].T + m[:, 2]
        kp[:, 2] = f.keypoints[:, 2]
    return ok, crop, kp, frame, mask


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--out", type=Path, required=True, help="folder for one shard")
    ap.add_argument("--count", type=int, default=1000)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--style", choices=["plain", "photo"], default="plain", help="random_frame here, or photo.photo_frame")
    a = ap.parse_args()
    import codec  # these two build on this module
    import photo

    cv2.setNumThreads(1)
    a.out.mkdir(parents=True, exist_ok=True)
    new = lambda name, shape, t=np.uint8: np.lib.format.open_memmap(a.out / f"{name}.npy", "w+", t, (a.count, *shape))
    crops, kps = new("crop", (STORE_H, STORE_W, 3)), new("kp", (17, 3), np.float32)
    frames, masks, oks = new("frame", (MATTE, MATTE, 3)), new("mask", (MATTE, MATTE)), new("ok", (), np.bool_)
    start, draw = time.time(), random_frame if a.style == "plain" else photo.photo_frame
    for i in range(a.count):
        rng = np.random.default_rng([a.seed, i])
        oks[i], crops[i], kps[i], frames[i], masks[i] = pack(rng, draw(rng))
        if i % 1000 == 999:
            print(f"{i + 1} frames, {time.time() - start:.0f} s", flush=True)
    if a.style == "photo":
        codec.spoil(a.seed, [crops, frames])
    for x in (crops, kps, frames, masks, oks):
        x.flush()


if __name__ == "__main__":
    main()
