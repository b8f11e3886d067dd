"""Frames meant to look like phone footage: clothed people among others and behind things, in lit places, filmed.

photo_frame gives the same kind of Frame as dataset.random_frame, of which it is the second, harder style.
"""

from __future__ import annotations

import cv2
import numpy as np

import body
import dataset
import poses
import render
import scenery
import scene
import surface
import wardrobe

SIZES = [(3, 4), (9, 16), (2, 3), (4, 3), (16, 9), (1, 1)]
PEOPLE = 10  # materials of a person; things are numbered from OBJECTS
OBJECTS = 60


def camera(rng, joints, points, size) -> render.Camera:
    """Mostly the whole figure; at times a nearer one that cuts off legs or a side."""
    if rng.random() < 0.8:
        return scene.frame_camera(rng, points, size, rng.uniform(0.3, 0.97))
    low = joints["pelvis"] if rng.random() < 0.5 else 0.5 * (joints["l_knee"] + joints["r_knee"])
    near = np.array([joints["head"], low, joints["l_shoulder"], joints["r_shoulder"]])
    near = np.concatenate([near, near[:1] + [0, 0.1, 0]])
    return scene.frame_camera(rng, near, size, rng.uniform(0.6, 1.0))


class Cast:
    """Everybody and everything before the background: capsules and materials."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.caps = rng, []
        self.materials = np.zeros((OBJECTS + 20, 10))

    def person(self, number: int, joints: dict, build: body.Build, outfit) -> np.ndarray:
        caps = wardrobe.dress(self.rng, joints, build, outfit)
        caps[:, render.MAT] += PEOPLE * number
        self.materials[PEOPLE * number : PEOPLE * (number + 1)] = outfit.materials
        return caps

    def things(self, centre: np.ndarray) -> None:
        """Limb-like things behind and, now and then, before the person."""
        caps, mats = scene.distractors(self.rng, centre, OBJECTS)
        if len(caps):
            self.materials[OBJECTS : OBJECTS + len(mats)] = np.concatenate([mats, self.rng.uniform(0, 0.2, (len(mats), 1))], 1)
            if self.rng.random() < 0.2:
                caps[:, [2, 5]] += self.rng.uniform(0.7, 1.7)
                caps[:, 6:8] *= 0.6
            self.caps.append(caps)


def _shift(joints: dict, by: np.ndarray) -> dict:
    return {k: v if k.startswith("R_") else v + by for k, v in joints.items()}


def others(rng, cast: Cast) -> None:
    """Up to three more people beside and behind."""
    for number in range(1, 1 + int(rng.choice([0, 1, 2, 3], p=[0.68, 0.2, 0.07, 0.05]))):
        build, outfit = body.random_build(rng), wardrobe.outfit(rng)
        at = np.array([rng.choice([-1, 1]) * rng.uniform(0.3, 1.6), 0, -rng.uniform(-0.15, 2.5)])
        cast.caps.append(cast.person(number, _shift(body.joints(poses.random_pose(rng), build), at), build, outfit))


def _each(change, sheet: np.ndarray) -> np.ndarray:
    """change (which takes four channels at most) of the sheet's colours, and of its cover and person."""
    return np.dstack([change(np.ascontiguousarray(sheet[..., :3])), change(np.ascontiguousarray(sheet[..., 3:]))])


def _paint(rng, cast, figure, cam, size, scale, light, ambient):
    """Paints at scale times the size. Returns premultiplied RGB with cover and person (h×w×5), the layer, the camera."""
    big = (int(round(size[0] * scale)), int(round(size[1] * scale)))
    zoom = render.Camera(cam.rotation, cam.position, cam.focal * scale, cam.cx * scale, cam.cy * scale)
    caps = np.concatenate([figure, *cast.caps])
    layer = surface.paint(rng, caps, cast.materials, zoom, big, light, ambient)
    person = np.zeros(len(caps) + 1, np.float32)
    person[: len(caps)] = caps[:, render.MAT] < OBJECTS
    cover = (layer.index >= 0).astype(np.float32)
    sheet = np.dstack([layer.rgb, cover, person[layer.index]])
    if scale != 1:
        sheet = _each(lambda x: cv2.resize(x, size, interpolation=cv2.INTER_AREA), sheet)
    return sheet, layer, zoom


def _ragged(rng, sheet: np.ndarray, unit: float) -> np.ndarray:
    """Edges that no capsule has: everything moved by smooth noise of a pixel or two, and softened."""
    h, w = sheet.shape[:2]
    if rng.random() < 0.75:
        far = rng.uniform(0.001, 0.006) * unit
        field = np.dstack([cv2.resize(surface.pink(rng, 64, rng.uniform(0.8, 1.6)), (w, h), interpolation=cv2.INTER_CUBIC) for _ in range(2)])
        y, x = np.mgrid[0:h, 0:w].astype(np.float32)
        sheet = _each(lambda s: cv2.remap(s, x + far * field[..., 0], y + far * field[..., 1], cv2.INTER_LINEAR), sheet)
    if rng.random() < 0.5:
        sheet = cv2.GaussianBlur(sheet, (0, 0), rng.uniform(0.3, 0.9))
    return sheet


def _ground(rng, img: np.ndarray, sheet: np.ndarray, foot: float, light: np.ndarray) -> None:
    """The person's shadow along the floor and the reflection in it, in place."""
    h, w = img.shape[:2]
    person = sheet[..., 4]
    if rng.random() < 0.6:
        flat, slant = rng.uniform(-0.5, 0.3), rng.uniform(-1.5, 1.5)
        m = np.float32([[1, slant, -slant * foot], [0, flat, foot * (1 - flat)]])
        shade = cv2.GaussianBlur(cv2.warpAffine(person, m, (w, h)), (0, 0), rng.uniform(0.004, 0.03) * h)
        img *= 1 - rng.uniform(0.1, 0.6) * shade[..., None]
    if rng.random() < 0.3:
        m = np.float32([[1, 0, 0], [0, -1, 2 * foot]])
        back = cv2.GaussianBlur(cv2.warpAffine(np.ascontiguousarray(sheet[..., :4]), m, (w, h)), (0, 0), rng.uniform(0.003, 0.02) * h)
        a = rng.uniform(0.08, 0.5)
        img *= 1 - a * back[..., 3:4]
        img += a * back[..., :3]


def _before(rng, img: np.ndarray, mask: np.ndarray, kp: np.ndarray) -> None:
    """A table, sofa or wall between the camera and the people, in place: what it covers is hidden."""
    h, w = img.shape[:2]
    x0, x1, y0, y1 = rng.uniform(-0.2, 0.7) * w, rng.uniform(0.3, 1.2) * w, rng.uniform(0.55, 0.95) * h, h + 1
    if rng.random() < 0.3:
        x0, y0, y1 = rng.uniform(0, 0.9) * w, -1, h + 1
        x1 = x0 + rng.uniform(0.02, 0.15) * w
    scenery._patch(rng, img, x0, y0, x1, y1, wardrobe.tone(rng), rng.uniform(0, 0.3))
    mask[max(0, int(y0)) : max(0, int(y1)), max(0, int(x0)) : max(0, int(x1))] = 0
    under = (kp[:, 0] > x0) & (kp[:, 0] < x1) & (kp[:, 1] > y0) & (kp[:, 1] < y1)
    kp[:, 2] = np.where(under & (kp[:, 2] > 0), 1, kp[:, 2])


def lens(rng: np.random.Generator, img: np.ndarray) -> np.ndarray:
    """What a phone does to light: white balance, tone curve, blur, noise, sharpening, a codec twice. uint8 out."""
    h, w = img.shape[:2]
    warm = rng.normal(0, 0.1)
    expose = np.clip(rng.uniform(0.22, 0.62) / (img.mean() + 1e-3), 0.6, 3.0)  # as a phone does by itself
    img = np.clip(img * np.float32([1 + warm, 1, 1 - warm]) * expose, 0, 2) ** rng.uniform(0.75, 1.2)
    if rng.random() < 0.4:
        img = img - rng.uniform(0, 0.25) * ((np.mgrid[0:h, 0:w][0] / h - 0.5) ** 2 + (np.mgrid[0:h, 0:w][1] / w - 0.5) ** 2)[..., None]
    if rng.random() < 0.4:
        img = 0.5 + (img - 0.5) * rng.uniform(0.6, 1.3)
    if rng.random() < 0.25:
        grey = img.mean(2, keepdims=True)
        img = grey + (img - grey) * rng.uniform(0.2, 1.2)
    img = np.clip(img, 0, 1).astype(np.float32)
    if rng.random() < 0.35:
        img = cv2.GaussianBlur(img, (0, 0), rng.uniform(0.4, 1.5))
    if rng.random() < 0.5:
        noise = rng.standard_normal(img.shape, np.float32) * rng.uniform(0.002, 0.035)
        img = img + (cv2.GaussianBlur(noise, (0, 0), 0.8) * 2 if rng.random() < 0.5 else noise)
    if rng.random() < 0.4:
        img = img + rng.uniform(0.2, 1.0) * (img - cv2.GaussianBlur(img, (0, 0), 1.2))
    out = (np.clip(img, 0, 1) * 255 + 0.5).astype(np.uint8)
    for _ in range(int(rng.choice([0, 1, 2], p=[0.25, 0.5, 0.25]))):
        ok, data = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(18, 90))])
        out = cv2.imdecode(data, cv2.IMREAD_COLOR)
        if rng.random() < 0.3:
            s = rng.uniform(0.5, 0.95)
            out = cv2.resize(cv2.resize(out, None, fx=s, fy=s, interpolation=cv2.INTER_AREA), (w, h), interpolation=cv2.INTER_LINEAR)
    return out


def photo_frame(rng: np.random.Generator, empty: float = 0.03) -> dataset.Frame:
    """A figure in a scene; see dataset.Frame."""
    ratio = SIZES[rng.integers(len(SIZES))]
    long_side = rng.uniform(224, 400)
    size = tuple(int(2 * round(long_side * r / max(ratio) / 2)) for r in ratio)
    build, outfit, pose = body.random_build(rng), wardrobe.outfit(rng), poses.random_pose(rng)
    joints = body.joints(pose, build)
    cast = Cast(rng)
    state = rng.bit_generator.state
    figure = cast.person(0, joints, build, outfit)
    points = np.concatenate([figure[:, 0:3], figure[:, 3:6]])
    cam = camera(rng, joints, points, size)
    cast.things(points.mean(0))
    others(rng, cast)
    nobody = rng.random() < empty
    if nobody:
        cast.caps = [c for c in cast.caps if c[0, render.MAT] >= OBJECTS]
        figure = np.full((1, render.COLUMNS), -9.0)
        figure[0, render.MAT] = OBJECTS
    light, ambient = scene.random_light(rng)
    horizon = cam.project(points[:1] * [1, 0, 1] - [0, 0, rng.uniform(0.3, 2.5)])[0, 1]
    img = scenery.background(rng, size, horizon)
    scale = 1.5 if rng.random() < 0.5 else 1.0
    sheet, layer, zoom = _paint(rng, cast, figure, cam, size, scale, light, ambient)
    if not nobody and rng.random() < 0.15:  # the shutter is open while the body moves
        sheet = _blurred(rng, cast, sheet, (pose, build, outfit, state), cam, size, light, ambient)
    kp, height = dataset.truth(joints, build, zoom, layer, zoom.focal / cam.focal, size)
    kp[:, 2] *= not nobody
    sheet = _ragged(rng, sheet, height)
    feet = cam.project(np.array([joints[f"{s}_toe"] for s in "lr"]) * [1, 0, 1])[:, 1].max()
    if not nobody:
        _ground(rng, img, sheet, float(feet), light)
    img = img * (1 - sheet[..., 3:4]) + sheet[..., :3] * rng.uniform(0.7, 1.2)
    mask = sheet[..., 4].copy()
    if rng.random() < 0.1:
        _before(rng, img, mask, kp)
    return dataset.Frame(lens(rng, img), (np.clip(mask, 0, 1) * 255).astype(np.uint8), kp, height, dataset.mask_box(mask))


def _blurred(rng, cast, sheet, who, cam, size, light, ambient):
    """The mean of the sheet and two more, a little before and after."""
    pose, build, outfit, state = who
    before, _, later = poses.moved(rng, pose, 3)
    total = sheet
    keep, seed = cast.rng, rng.integers(1 << 30)
    for p in (before, later):
        cast.rng = np.random.default_rng()
        cast.rng.bit_generator.state = state
        joints = body.joints(p, build)
        moved = cast.person(0, joints, build, outfit)
        total = total + _paint(np.random.default_rng(seed), cast, moved, cam, size, 1.0, light, ambient)[0]
    cast.rng = keep
    return total / 3
