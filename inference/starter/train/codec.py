"""What H.264 makes of pictures: some of a shard's are sent through ffmpeg as the second of two frames that moved."""

from __future__ import annotations

import subprocess

import numpy as np


def _ffmpeg(arguments: list[str], data: bytes) -> bytes:
    done = subprocess.run(["ffmpeg", "-v", "error", "-threads", "1", *arguments, "-"], input=data, stdout=subprocess.PIPE, check=True)
    return done.stdout


def film(pictures: np.ndarray, crf: int, step: int) -> np.ndarray:
    """n×h×w×3 pictures (uint8 RGB, even sizes) after H.264 at this crf; each came after itself moved by step px."""
    n, h, w, _ = pictures.shape
    pairs = np.stack([np.roll(pictures, (step, -step), (1, 2)), pictures], 1)
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{w}x{h}"]
    code = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", "2", "-keyint_min", "2", "-crf", str(crf), "-pix_fmt", "yuv420p"]
    stream = _ffmpeg([*raw, "-r", "30", "-i", "-", *code, "-threads", "1", "-f", "h264"], pairs.tobytes())
    back = _ffmpeg(["-f", "h264", "-i", "-", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24"], stream)
    return np.frombuffer(back, np.uint8).reshape(n, 2, h, w, 3)[:, 1]


def spoil(seed: int, stacks: list[np.ndarray], share: float = 0.25, group: int = 100) -> None:
    """Replaces a share of the pictures of each stack (n×h×w×3) by what a codec leaves of them, in place."""
    rng = np.random.default_rng([seed, 264])
    for pictures in stacks:
        picks = rng.permutation(len(pictures))[: int(share * len(pictures))]
        for start in range(0, len(picks), group):
            some = np.sort(picks[start : start + group])
            pictures[some] = film(pictures[some], int(rng.integers(24, 37)), int(rng.integers(0, 4)))
