"""Renders the demo video (a dancing figure, held out from training) and its ground truth."""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
from pathlib import Path

import cv2
import numpy as np

import body
import clothes
import dataset
import render
import scene

WIDTH, HEIGHT, FPS, FRAMES = 480, 640, 30, 120
CYCLE = 60  # frames a cycle of the dance
SEED = 20_075
ZOOM = 2  # casts at twice the size, then averages


def dance(rng: np.random.Generator) -> body.Motion:
    """A dance for the demo: arms up and out in turn, knees bending on the beat, hips swaying, half turns."""
    m = body.random_motion(rng, "stand")
    s = lambda *a: body.set_angle(m, *a)
    s("yaw", 4, 38, 0.6, 0.5)
    s("roll", 0, 5, 0.0, 1)
    s("spine_yaw", 0, 16, 0.4, 1)
    s("spine_roll", 0, 9, 3.1, 1)
    s("spine_pitch", 4, 6, 0.0, 2)
    s("head_yaw", 0, 18, 3.6, 0.5)
    s("head_roll", 0, 8, 0.0, 1)
    s("head_pitch", 2, 6, 1.0, 2)
    for side, ph in (("l", 0.0), ("r", np.pi)):
        s(f"{side}_arm_abd", 82, 62, ph, 1)
        s(f"{side}_arm_flex", 18, 22, ph + 1.0, 1)
        s(f"{side}_arm_twist", 35, 40, ph + 0.6, 0.5)
        s(f"{side}_elbow", 52, 42, ph + 2.0, 1)
        s(f"{side}_hip_flex", 22, 24, ph, 1)
        s(f"{side}_knee", 36, 30, ph - 0.1, 1)
        s(f"{side}_hip_abd", 12, 7, ph + 1.5, 1)
        s(f"{side}_hip_twist", 10, 6, ph, 1)
        s(f"{side}_ankle", 6, 8, ph, 1)
    m.mean[body.IX["jump"]], m.amp[body.IX["jump"]], m.harmonic[body.IX["jump"]] = 0.0, 0.02, 2.0
    return m


def outfit(rng: np.random.Generator) -> clothes.Outfit:
    """A striped top, plain trousers, so that the demo looks the same whatever else changes."""
    o = clothes.random_outfit(rng)
    row = lambda a, b, kind, scale: np.array([*a, *b, kind, scale, 0.04])
    o.materials[clothes.SKIN] = row((0.80, 0.58, 0.45), (0.80, 0.58, 0.45), 0, 1)
    o.materials[clothes.TOP] = o.materials[clothes.SLEEVE] = row((0.85, 0.28, 0.16), (0.95, 0.86, 0.70), 1, 150)
    o.materials[clothes.BOTTOM] = row((0.12, 0.17, 0.34), (0.12, 0.17, 0.34), 0, 1)
    o.materials[clothes.SHOES] = row((0.62, 0.12, 0.14), (0.62, 0.12, 0.14), 0, 1)
    o.materials[clothes.HAIR] = row((0.16, 0.09, 0.05), (0.10, 0.06, 0.03), 2, 300)
    o.sleeve, o.trouser, o.skirt, o.loose, o.hair, o.beard, o.gloves = 0.35, 1.0, 0.0, 1.15, "short", False, False
    return o


def place(motion: body.Motion, build: body.Build, i: int) -> dict[str, np.ndarray]:
    """The joints in frame i; the figure drifts a little from side to side."""
    j = body.joints(motion.at(i / CYCLE), build)
    drift = np.array([0.09 * np.sin(2 * np.pi * i / FRAMES), 0, 0.06 * np.cos(2 * np.pi * i / FRAMES)])
    return {k: v if k.startswith("R_") else v + drift for k, v in j.items()}


def runs(mask: np.ndarray) -> list[int]:
    """Run lengths in row order: background first, then person, and so on."""
    flat = (mask > 0.5).ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return ([0] if flat[0] else []) + lengths


def film():
    """Yields (image uint8 RGB, truth of the frame) for every frame."""
    rng = np.random.default_rng(SEED)
    motion, build, wear = dance(rng), body.Build(), outfit(rng)
    all_joints = [place(motion, build, i) for i in range(FRAMES)]
    dressed = [clothes.dress(j, build, wear) for j in all_joints]
    points = np.concatenate([np.concatenate([d[:, 0:3], d[:, 3:6]]) for d in dressed])
    lo, hi = points.min(0), points.max(0)
    rotation, position = scene.look_at(0.5 * (lo + hi), 0.0, 0.09, 0.0, 3.6)
    focal = 0.9 * HEIGHT / ((hi - lo)[1] / 3.6)
    cam = render.Camera(rotation, position, min(focal, 0.95 * WIDTH / ((hi - lo)[0] / 3.6)), WIDTH / 2, HEIGHT * 0.52)
    horizon = cam.project(np.array([[0, 0, -1.4]]))[0, 1]
    bg = scene.room(rng, (WIDTH, HEIGHT), horizon)
    scene.shapes(rng, bg, 10)
    bg = np.clip(bg + 0.025 * scene.noise_field(rng, (WIDTH, HEIGHT), 24), 0, 1) * 0.9
    bg = cv2.GaussianBlur(bg.astype(np.float32), (0, 0), 1.0)
    extra, mats = scene.distractors(rng, points.mean(0), 10)
    light, ambient = np.array([-0.4, -0.68, -0.62, 1.05, 1.03, 1.0, 0.96]), 0.5
    materials = np.concatenate([wear.materials, mats])
    for joints, figure in zip(all_joints, dressed):
        feet = np.array([joints[f"{s}_{q}"] for s in "lr" for q in ("heel", "toe")])
        img, mask, cast, zoom = dataset.compose(
            np.random.default_rng(SEED), np.concatenate([figure, extra]), materials, cam, (WIDTH, HEIGHT), bg, light, ambient, feet, ZOOM)
        kp, height = dataset.truth(joints, build, zoom, cast, ZOOM, (WIDTH, HEIGHT))
        kp = dataset.marks(kp)
        half = cv2.resize(mask, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
        img = np.clip(img + rng.normal(0, 0.006, img.shape), 0, 1)
        truth = {"keypoints": [[round(x, 2), round(y, 2), int(v)] for x, y, v in kp.tolist()], "height": round(height, 2), "mask": runs(half)}
        yield (img * 255 + 0.5).astype(np.uint8), truth


def encoder(out: Path) -> subprocess.Popen:
    """ffmpeg reading raw frames from its stdin: H.264 in BT.709 and a soft two-note tone in AAC."""
    tone = f"aevalsrc='0.05*(sin(2*PI*220*t)+sin(2*PI*330*t)*(0.5+0.5*sin(2*PI*t)))':s=44100:d={FRAMES / FPS}"
    args = ["ffmpeg", "-y", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FPS), "-i", "-"]
    args += ["-f", "lavfi", "-i", tone, "-map", "0:v", "-map", "1:a", "-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"]
    args += ["-c:v", "libx264", "-preset", "slow", "-crf", "24", "-profile:v", "high", "-threads", "1"]
    args += ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]
    args += ["-c:a", "aac", "-b:a", "64k", "-movflags", "+faststart", "-fflags", "+bitexact", "-flags", "+bitexact", "-map_metadata", "-1", str(out)]
    return subprocess.Popen(args, stdin=subprocess.PIPE)


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--out", type=Path, required=True, help="folder for demo.mp4 and demo.truth.json.gz")
    a = ap.parse_args()
    frames = []
    with encoder(a.out / "demo.mp4") as ffmpeg:
        for image, truth in film():
            ffmpeg.stdin.write(image.tobytes())
            frames.append(truth)
        ffmpeg.stdin.close()
    if ffmpeg.returncode:
        raise SystemExit(f"encode the demo: ffmpeg ended with status {ffmpeg.returncode}")
    doc = {"width": WIDTH, "height": HEIGHT, "fps": FPS, "mask_width": WIDTH // 2, "mask_height": HEIGHT // 2, "frames": frames}
    data = json.dumps(doc, separators=(",", ":")).encode()
    (a.out / "demo.truth.json.gz").write_bytes(gzip.compress(data, 9, mtime=0))


if __name__ == "__main__":
    main()
