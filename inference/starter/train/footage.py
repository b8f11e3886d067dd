"""Measures the exported models on real footage that is not part of the project (training never sees it).

Takes a video, the points of a person in its frames (json: keypoints[frame][joint] = [x, y, score], COCO's 17) and a
person segmentation model (input NHWC, RGB 0–1) whose mattes serve as the other reference. Prints PCK at 5 % and 10 %
of the larger side of the box of a frame's points, with the boxes of a job (from the matte, then from the keypoints)
and with the boxes of the reference points; and the IoU of the mattes at 0.5. References are models' outputs, not labels.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

import dataset
import evaluate

SURE = 0.3  # reference points below this score do not count


class Matter:
    """The segmentation model of the reference."""

    def __init__(self, path: Path) -> None:
        o = ort.SessionOptions()
        o.intra_op_num_threads = o.inter_op_num_threads = 1
        self.session = ort.InferenceSession(str(path), o, ["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0]

    def alpha(self, image: np.ndarray) -> np.ndarray:
        _, h, w, _ = self.input.shape
        x = cv2.resize(image, (w, h), interpolation=cv2.INTER_LINEAR).astype(np.float32)[None] / 255
        y = self.session.run(None, {self.input.name: x})[0].reshape(h, w)
        return cv2.resize(y, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def frames(video: Path):
    """The frames of a video, RGB."""
    reader = cv2.VideoCapture(str(video))
    while True:
        ok, bgr = reader.read()
        if not ok:
            return
        yield np.ascontiguousarray(bgr[..., ::-1])


def follow(models: evaluate.Models, image: np.ndarray, alpha: np.ndarray, box):
    """One frame of a job: the keypoints (or None) and the box for the next frame (or None)."""
    box = box or evaluate.matte_box(alpha)
    if box is None:
        return None, None
    got = models.keypoints(image, box, "dark")
    sure = got[:, 2] > evaluate.MIN_SCORE
    return got, dataset.keypoint_box(np.column_stack([got[:, :2], sure])) if sure.sum() >= 4 else None


class Hits:
    """How far points are from the reference, in shares of the person's size."""

    def __init__(self) -> None:
        self.errors: list[np.ndarray] = []  # a row of 17 a frame; NaN where the reference is unsure

    def add(self, got: np.ndarray | None, want: np.ndarray) -> None:
        size = np.ptp(want[:, :2], axis=0).max()
        e = np.full(17, np.inf) if got is None else np.linalg.norm(got[:, :2] - want[:, :2], axis=1) / size
        self.errors.append(np.where(want[:, 2] >= SURE, e, np.nan))

    def line(self, name: str) -> str:
        e = np.array(self.errors)
        known = ~np.isnan(e)
        share = lambda t: (e[known] <= t).mean()
        names = "nose eyes ears shoulders elbows wrists hips knees ankles".split()
        groups = [[0]] + [[i, i + 1] for i in range(1, 17, 2)]
        parts = ", ".join(f"{n} {(e[:, g][known[:, g]] <= 0.1).mean():.3f}" for n, g in zip(names, groups))
        head = f"{name}: PCK@5% {share(0.05):.4f}, PCK@10% {share(0.1):.4f}, median {np.median(e[known]):.4f}"
        return f"{head} ({known.sum()} points)\n  at 10%: {parts}"


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--models", type=Path, default=Path(__file__).resolve().parent.parent, help="folder of the two models")
    ap.add_argument("--video", type=Path, required=True)
    ap.add_argument("--points", type=Path, required=True)
    ap.add_argument("--matte", type=Path, required=True, help=".onnx of the reference's segmentation")
    ap.add_argument("--every", type=int, default=1, help="measure every n-th frame only")
    a = ap.parse_args()
    cv2.setNumThreads(1)
    models, other = evaluate.Models(a.models), Matter(a.matte)
    points = np.array(json.loads(a.points.read_text())["keypoints"])
    job, given, mattes, box = Hits(), Hits(), evaluate.Tally(), None
    for i, image in enumerate(frames(a.video)):
        if i % a.every:
            continue
        alpha, want = models.alpha(image), points[i]
        mattes.mask(alpha > 0.5, other.alpha(image) > 0.5)
        got, box = follow(models, image, alpha, box)
        job.add(got, want)
        true = dataset.keypoint_box(np.column_stack([want[:, :2], want[:, 2] >= SURE]))
        given.add(models.keypoints(image, true, "dark"), want)
    print(job.line("boxes of a job"))
    print(given.line("boxes of the reference points"))
    print(f"matte: IoU {mattes.inter / mattes.union:.4f} pooled, {np.mean(mattes.ious):.4f} mean a frame, {np.min(mattes.ious):.3f} worst")


if __name__ == "__main__":
    main()
