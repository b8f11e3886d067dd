"""Measures the exported models as a job would use them: matte, box, crop, heatmaps, decoding.

Prints PCK at 5 % of the body's height over the seen keypoints, and the IoU of the matte, on the demo video
and on frames rendered from a seed that training never saw; and the time one inference takes on one thread.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

import dataset
import nets
import photo

STRIDE = 2
MIN_SCORE = 0.3  # a keypoint below it does not shape the next box


class Models:
    """The two sessions, one thread each."""

    def __init__(self, folder: Path) -> None:
        o = ort.SessionOptions()
        o.intra_op_num_threads = o.inter_op_num_threads = 1
        self.pose = ort.InferenceSession(str(folder / "starter-pose.onnx"), o, ["CPUExecutionProvider"])
        self.matte = ort.InferenceSession(str(folder / "starter-matte.onnx"), o, ["CPUExecutionProvider"])
        self.seconds = {"pose": [], "matte": []}

    def run(self, which: str, x: np.ndarray) -> np.ndarray:
        start = time.perf_counter()
        y = getattr(self, which).run(None, {"input": x})[0]
        self.seconds[which].append(time.perf_counter() - start)
        return y

    def alpha(self, image: np.ndarray) -> np.ndarray:
        """The matte at the frame's size, 0–1."""
        n = dataset.MATTE
        x = cv2.resize(image, (n, n), interpolation=cv2.INTER_LINEAR).astype(np.float32).transpose(2, 0, 1)[None] / 255
        return cv2.resize(self.run("matte", x)[0, 0], image.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    def keypoints(self, image: np.ndarray, box, decode: str) -> np.ndarray:
        """17×3 in frame pixels (x, y, score) for a person box."""
        m = dataset.crop_matrix(box, 96, 128, 1.25)
        crop = cv2.warpAffine(image, m, (96, 128), flags=cv2.INTER_LINEAR)
        x = ((crop - nets.IMAGENET_MEAN) / nets.IMAGENET_STD).astype(np.float32).transpose(2, 0, 1)[None]
        pts = (dark if decode == "dark" else quarter)(self.run("pose", x)[0])
        pts[:, :2] = (pts[:, :2] * STRIDE - m[:, 2]) / m[0, 0]
        return pts


def peaks(maps: np.ndarray) -> np.ndarray:
    k, h, w = maps.shape
    flat = maps.reshape(k, -1)
    at = flat.argmax(1)
    return np.stack([at % w, at // w, flat.max(1)], 1).astype(np.float64)


def quarter(maps: np.ndarray) -> np.ndarray:
    """The peak, moved a quarter of a cell towards the higher neighbour."""
    out = peaks(maps)
    for m, p in zip(maps, out):
        x, y = int(p[0]), int(p[1])
        if 1 <= x < m.shape[1] - 1 and 1 <= y < m.shape[0] - 1:
            p[0] += 0.25 * np.sign(m[y, x + 1] - m[y, x - 1])
            p[1] += 0.25 * np.sign(m[y + 1, x] - m[y - 1, x])
    return out


def dark(maps: np.ndarray) -> np.ndarray:
    """The peak of a Gaussian fitted to the blurred map (DARK)."""
    out = peaks(maps)
    for m, p in zip(maps, out):
        x, y, top = int(p[0]), int(p[1]), m.max()
        if not (2 <= x < m.shape[1] - 2 and 2 <= y < m.shape[0] - 2) or top <= 0:
            continue
        b = cv2.GaussianBlur(np.maximum(m, 0), (11, 11), 0, borderType=cv2.BORDER_CONSTANT)
        b = np.log(np.maximum(b * top / b.max(), 1e-10))
        dx, dy = 0.5 * (b[y, x + 1] - b[y, x - 1]), 0.5 * (b[y + 1, x] - b[y - 1, x])
        dxx = 0.25 * (b[y, x + 2] - 2 * b[y, x] + b[y, x - 2])
        dyy = 0.25 * (b[y + 2, x] - 2 * b[y, x] + b[y - 2, x])
        dxy = 0.25 * (b[y + 1, x + 1] - b[y - 1, x + 1] - b[y + 1, x - 1] + b[y - 1, x - 1])
        det = dxx * dyy - dxy * dxy
        if abs(det) > 1e-12:
            p[0] -= (dyy * dx - dxy * dy) / det
            p[1] -= (dxx * dy - dxy * dx) / det
    return out


def matte_box(alpha: np.ndarray):
    """The box of the largest blob of alpha > 0.5, or None."""
    n, _, stats, _ = cv2.connectedComponentsWithStats((alpha > 0.5).astype(np.uint8), connectivity=8)
    if n < 2:
        return None
    x, y, w, h, _ = stats[1 + stats[1:, cv2.CC_STAT_AREA].argmax()]
    return float(x), float(y), float(w), float(h)


class Tally:
    """Counts hits of keypoints (PCK) and pixels of masks (IoU)."""

    def __init__(self) -> None:
        self.good, self.seen, self.errors = np.zeros(17), np.zeros(17), []
        self.inter = self.union = 0.0
        self.ious: list[float] = []

    def pose(self, got: np.ndarray | None, truth: np.ndarray, height: float) -> None:
        ok = truth[:, 2] == 2
        self.seen += ok
        if got is not None:
            d = np.linalg.norm(got[:, :2] - truth[:, :2], axis=1) / height
            self.good += ok & (d <= 0.05)
            self.errors += d[ok].tolist()

    def mask(self, got: np.ndarray, truth: np.ndarray) -> None:
        inter, union = (got & truth).sum(), (got | truth).sum()
        self.inter, self.union = self.inter + inter, self.union + union
        if truth.any():
            self.ious.append(inter / union)

    def line(self, name: str) -> str:
        text = f"{name}: PCK@5% {self.good.sum() / self.seen.sum():.4f} ({int(self.seen.sum())} keypoints), median error {np.median(self.errors):.4f}"
        if self.union:
            text += f", IoU {self.inter / self.union:.4f} pooled, {np.mean(self.ious):.4f} mean a frame, {np.min(self.ious):.3f} worst"
        return text

    def parts(self) -> str:
        names = "nose eyes ears shoulders elbows wrists hips knees ankles".split()
        groups = [[0]] + [[i, i + 1] for i in range(1, 17, 2)]
        return "  " + ", ".join(f"{n} {self.good[g].sum() / max(1, self.seen[g].sum()):.3f}" for n, g in zip(names, groups))


def demo(models: Models, folder: Path, decode: str) -> Tally:
    """The demo video as decoded from H.264: the first box from the matte, later ones from the keypoints."""
    truth, tally, box = json.loads(gzip.decompress((folder / "demo.truth.json.gz").read_bytes())), Tally(), None
    video = cv2.VideoCapture(str(folder / "demo.mp4"))
    size = (truth["mask_width"], truth["mask_height"])
    for frame in truth["frames"]:
        ok, bgr = video.read()
        if not ok:
            raise SystemExit("evaluate: the demo video ends before its truth")
        image = np.ascontiguousarray(bgr[..., ::-1])
        alpha = models.alpha(image)
        flags = np.repeat(np.arange(len(frame["mask"])) % 2 == 1, frame["mask"]).reshape(size[::-1])
        tally.mask(cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR) > 0.5, flags)
        box = box or matte_box(alpha)
        got = models.keypoints(image, box, decode) if box else None
        tally.pose(got, np.array(frame["keypoints"]), frame["height"])
        if got is not None:
            sure = np.column_stack([got[:, :2], got[:, 2] > MIN_SCORE])
            box = dataset.keypoint_box(sure) if (got[:, 2] > MIN_SCORE).sum() >= 4 else None
    return tally


def held_out(models: Models, draw, seed: int, count: int, decode: str) -> dict[str, Tally]:
    """Frames that draw renders: boxes from the matte, from the true mask, and from the true keypoints."""
    tallies = {"box from matte": Tally(), "box from mask": Tally(), "box from keypoints": Tally()}
    for i in range(count):
        f = draw(np.random.default_rng([seed, i]))
        alpha = models.alpha(f.image)
        tallies["box from matte"].mask(alpha > 0.5, f.mask > 127)
        if f.box[3] < 24 or (f.keypoints[:, 2] > 0).sum() < 8:
            continue
        boxes = (matte_box(alpha), f.box, dataset.keypoint_box(f.keypoints))
        for tally, box in zip(tallies.values(), boxes):
            tally.pose(models.keypoints(f.image, box, decode) if box else None, dataset.marks(f.keypoints), f.height)
    return tallies


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--models", type=Path, default=Path(__file__).resolve().parent.parent, help="folder of models and demo")
    ap.add_argument("--seed", type=int, default=901)
    ap.add_argument("--count", type=int, default=400)
    a = ap.parse_args()
    cv2.setNumThreads(1)
    for decode in ("dark", "quarter"):
        models = Models(a.models)
        tally = demo(models, a.models, decode)
        print(tally.line(f"demo ({decode})"))
        print(tally.parts())
    for style, draw in (("plain", dataset.random_frame), ("photo", photo.photo_frame)):
        for name, t in held_out(models, draw, a.seed, a.count, "dark").items():
            print(t.line(f"held out, {style}, {name} (dark)"))
            print(t.parts())
    print("one thread: " + ", ".join(f"{k} {1000 * np.median(v):.1f} ms" for k, v in models.seconds.items()))


if __name__ == "__main__":
    main()
