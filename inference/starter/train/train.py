"""Trains one of the two starter models on rendered shards (see dataset.py). Seeded; CPU; one thread by default."""

from __future__ import annotations

import argparse
import copy
import queue
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

import dataset
import nets

IN_W, IN_H = 96, 128
MAP_W, MAP_H, SIGMA = 48, 64, 2.0
FLIP = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]


class Shards:
    """The shards of a folder, read by index; poses only where a person was found large enough."""

    def __init__(self, folders: list[Path], pose: bool) -> None:
        names = ("crop", "kp") if pose else ("frame", "mask")
        self.parts = [[np.load(f / f"{n}.npy", mmap_mode="r") for n in names] for f in folders]
        self.index = []
        for s, folder in enumerate(folders):
            ok = np.load(folder / "ok.npy") if pose else np.ones(len(self.parts[s][0]), bool)
            self.index += [(s, int(i)) for i in np.where(ok)[0]]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        s, i = self.index[k]
        a, b = self.parts[s]
        return np.array(a[i]), np.array(b[i])


def tint(rng: np.random.Generator, img: np.ndarray) -> np.ndarray:
    """Cheap changes of colour: gain, offset, channel order, noise. uint8 in, float32 0–255 out."""
    x = img.astype(np.float32)
    x = x * (rng.uniform(0.7, 1.3) * rng.uniform(0.9, 1.1, 3)).astype(np.float32) + rng.uniform(-20, 20)
    if rng.random() < 0.15:
        x = x[..., rng.permutation(3)]
    if rng.random() < 0.2:
        x = np.repeat(x.mean(2, keepdims=True), 3, 2)
    if rng.random() < 0.3:
        x = x + rng.standard_normal(x.shape, np.float32) * rng.uniform(1, 9)
    return np.clip(x, 0, 255)


def spoil(rng: np.random.Generator, img: np.ndarray) -> np.ndarray:
    """Dearer changes, to some samples: low resolution, blur, and patches that hide what lies below. float32 0–255 in and out."""
    h, w = img.shape[:2]
    img = np.ascontiguousarray(img)
    if rng.random() < 0.15:
        s = rng.uniform(0.35, 0.9)
        img = cv2.resize(cv2.resize(img, None, fx=s, fy=s, interpolation=cv2.INTER_AREA), (w, h), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.12:
        img = cv2.GaussianBlur(img, (0, 0), rng.uniform(0.4, 1.3))
    if rng.random() < 0.25:
        img = 255 * (np.clip(img, 0, 255) / 255) ** np.float32(rng.uniform(0.6, 1.6))
    return img


def cover(rng: np.random.Generator, img: np.ndarray) -> np.ndarray:
    """Now and then a patch of another part of the picture, or of one colour, laid over it."""
    if rng.random() >= 0.2:
        return img
    h, w = img.shape[:2]
    ph, pw = int(rng.uniform(0.08, 0.3) * h), int(rng.uniform(0.08, 0.4) * w)
    y, x, v, u = (int(rng.integers(0, n)) for n in (h - ph, w - pw, h - ph, w - pw))
    img = img.copy()
    img[y : y + ph, x : x + pw] = img[v : v + ph, u : u + pw].copy() if rng.random() < 0.5 else rng.uniform(0, 255, 3)
    return img


def pose_sample(rng: np.random.Generator, crop: np.ndarray, kp: np.ndarray, hard: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A jittered input crop (float32 HWC), its 17 points in input pixels, and the weight of each point's map."""
    kp = dataset.marks(kp)
    k = 1.25 / dataset.GROW * rng.uniform(0.8, 1.25)
    w, h = dataset.STORE_W * k, dataset.STORE_H * k
    centre = np.array([dataset.STORE_W, dataset.STORE_H]) / 2
    centre = centre + rng.uniform(-0.1, 0.1, 2) * np.array([w, h]) / 1.25
    turn = np.radians(rng.normal(0, 10) if rng.random() < 0.5 else 0.0)
    s, c, d = IN_W / w, np.cos(turn), np.sin(turn)
    m = np.array([[c * s, -d * s, 0], [d * s, c * s, 0]])
    m[:, 2] = np.array([IN_W / 2, IN_H / 2]) - m[:, :2] @ centre
    img = cv2.warpAffine(crop, m, (IN_W, IN_H), flags=cv2.INTER_LINEAR)
    pts, state = kp[:, :2] @ m[:, :2].T + m[:, 2], kp[:, 2]
    if rng.random() < 0.5:
        img, pts, state = img[:, ::-1], pts[FLIP] * [-1, 1] + [IN_W - 1, 0], state[FLIP]
    inside = (pts[:, 0] > -2) & (pts[:, 1] > -2) & (pts[:, 0] < IN_W + 2) & (pts[:, 1] < IN_H + 2)
    pts = np.where(((state > 0) & inside)[:, None], pts, -1e4)
    img = spoil(rng, tint(rng, cover(rng, img))) if hard else tint(rng, img)
    return img, pts, np.where(state == 2, 1.0, 0.5)


def heatmaps(pts: torch.Tensor) -> torch.Tensor:
    """Gaussians at B×17×2 points (input pixels); the centre of map cell (x, y) is input pixel (2x, 2y)."""
    p = pts / (IN_W / MAP_W)
    gx = torch.exp(-((torch.arange(MAP_W) - p[..., 0:1]) ** 2) / (2 * SIGMA**2))
    gy = torch.exp(-((torch.arange(MAP_H) - p[..., 1:2]) ** 2) / (2 * SIGMA**2))
    return gy[..., :, None] * gx[..., None, :]


def pose_batch(rng: np.random.Generator, data: Shards, picks: np.ndarray):
    rows = [pose_sample(rng, *data[k]) for k in picks]
    x = np.stack([(r[0] - nets.IMAGENET_MEAN) / nets.IMAGENET_STD for r in rows]).astype(np.float32)
    pts, weight = (torch.from_numpy(np.stack([r[i] for r in rows]).astype(np.float32)) for i in (1, 2))
    return torch.from_numpy(x).permute(0, 3, 1, 2), heatmaps(pts), weight[..., None, None]


def pose_loss(y: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return 100 * (weight * (1 + 4 * target) * (y - target) ** 2).mean()


def matte_sample(rng: np.random.Generator, img: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if rng.random() < 0.4:
        n = dataset.MATTE
        sx, sy = rng.uniform(0.75, 1.3, 2)
        m = np.array([[sx, 0, 0], [0, sy, 0]])
        m[:, 2] = n / 2 - np.array([sx, sy]) * n * rng.uniform(0.4, 0.6, 2)
        img = cv2.warpAffine(img, m, (n, n), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        mask = cv2.warpAffine(mask, m, (n, n), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    if rng.random() < 0.5:
        img, mask = img[:, ::-1], mask[:, ::-1]
    return spoil(rng, tint(rng, img)) / 255, mask.astype(np.float32) / 255


def matte_batch(rng: np.random.Generator, data: Shards, picks: np.ndarray):
    rows = [matte_sample(rng, *data[k]) for k in picks]
    x = torch.from_numpy(np.stack([r[0] for r in rows]).astype(np.float32)).permute(0, 3, 1, 2)
    return x, torch.from_numpy(np.stack([r[1] for r in rows]))[:, None], None


def matte_loss(y: torch.Tensor, target: torch.Tensor, _: None) -> torch.Tensor:
    p = torch.sigmoid(y)
    both, total = (p * target).sum((1, 2, 3)), (p + target).sum((1, 2, 3))
    return F.binary_cross_entropy_with_logits(y, target) * 3 + (1 - (2 * both + 20) / (total + 20)).mean()


def pose_score(net, data: Shards) -> float:
    """PCK on jittered crops without sub-pixel decoding; 5 input pixels stand in for 5 % of the body's height."""
    rng, good, seen = np.random.default_rng(5), 0, 0
    for start in range(0, min(len(data), 768), 64):
        picks = np.arange(start, min(start + 64, len(data)))
        rows = [pose_sample(rng, *data[k], hard=False) for k in picks]
        x = np.stack([(r[0] - nets.IMAGENET_MEAN) / nets.IMAGENET_STD for r in rows]).astype(np.float32)
        maps = net(torch.from_numpy(x).permute(0, 3, 1, 2)).flatten(2).argmax(2).numpy()
        xy = np.stack([maps % MAP_W, maps // MAP_W], -1) * 2.0
        pts, ok = np.stack([r[1] for r in rows]), np.stack([r[2] for r in rows]) == 1
        ok &= pts[..., 0] > -100
        good += (np.linalg.norm(xy - pts, axis=-1)[ok] < 5).sum()
        seen += ok.sum()
    return good / seen


def matte_score(net, data: Shards) -> float:
    inter, union = 0.0, 0.0
    for start in range(0, 512, 32):
        rows = [data[k] for k in range(start, start + 32)]
        x = torch.from_numpy(np.stack([r[0] for r in rows]).astype(np.float32) / 255).permute(0, 3, 1, 2)
        p, t = net(x).numpy()[:, 0] > 0, np.stack([r[1] for r in rows]) > 127
        inter, union = inter + (p & t).sum(), union + (p | t).sum()
    return inter / union


TASKS = {
    "pose": (nets.PoseNet, pose_batch, pose_loss, pose_score),
    "matte": (nets.MatteNet, matte_batch, matte_loss, matte_score),
}


def arguments() -> argparse.Namespace:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("task", choices=TASKS)
    ap.add_argument("--data", type=Path, nargs="+", required=True, help="folders of rendered shards")
    ap.add_argument("--val", type=Path, required=True)
    ap.add_argument("--work", type=Path, required=True, help="folder for checkpoints")
    ap.add_argument("--steps", type=int, default=5000, help="the length of the learning rate's plan")
    ap.add_argument("--stop", type=int, help="end after so many steps of the plan")
    ap.add_argument("--batch", type=int, default=64)
    ap.add_argument("--rate", type=float, default=3e-3)
    ap.add_argument("--seed", type=int, default=7)
    ap.add_argument("--init", type=Path, help="checkpoint to start from")
    ap.add_argument("--threads", type=int, default=1)
    return ap.parse_args()


def prepared(batch, rng: np.random.Generator, data: Shards, size: int, count: int):
    """Yields count batches in seeded order, made in a thread of their own while the network learns."""
    ready: queue.Queue = queue.Queue(4)

    def make() -> None:
        order = np.empty(0, int)
        for _ in range(count):
            if len(order) < size:
                order = np.concatenate([order, rng.permutation(len(data))])
            ready.put(batch(rng, data, order[:size]))
            order = order[size:]

    threading.Thread(target=make, daemon=True).start()
    for _ in range(count):
        yield ready.get()


def main() -> None:
    a = arguments()
    torch.set_num_threads(a.threads)
    cv2.setNumThreads(1)
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    make, batch, loss_of, score = TASKS[a.task]
    net = make()
    if a.init:
        net.load_state_dict(torch.load(a.init, weights_only=True))
    net = net.to(memory_format=torch.channels_last).train()
    mean = copy.deepcopy(net)
    data, val = Shards(a.data, a.task == "pose"), Shards([a.val], a.task == "pose")
    opt = torch.optim.AdamW(net.parameters(), lr=a.rate, weight_decay=1e-3)
    plan = torch.optim.lr_scheduler.OneCycleLR(opt, a.rate, total_steps=a.steps, pct_start=0.03 if a.init else 0.1)
    a.work.mkdir(parents=True, exist_ok=True)
    last = min(a.steps, a.stop or a.steps)
    batches = prepared(batch, rng, data, a.batch, last)
    start, running = time.time(), 0.0
    for step, (x, target, weight) in enumerate(batches, 1):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = net(x.contiguous(memory_format=torch.channels_last))
        loss = loss_of(y.float(), target, weight)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        opt.step()
        plan.step()
        follow(mean, net, min(0.995, step / (step + 20)))
        running = loss.item() if step == 1 else 0.98 * running + 0.02 * loss.item()
        if step % 250 == 0 or step == last:
            with torch.no_grad():
                mean.eval()
                value = score(mean, val)
            print(f"{a.task} {step}/{a.steps} loss {running:.4f} val {value:.4f} {time.time() - start:.0f} s", flush=True)
            torch.save(mean.state_dict(), a.work / f"{a.task}.pt")


def follow(mean: torch.nn.Module, net: torch.nn.Module, keep: float) -> None:
    """The running mean of the weights, which is what is exported."""
    with torch.no_grad():
        for m, n in zip(mean.state_dict().values(), net.state_dict().values()):
            if m.dtype.is_floating_point:
                m.lerp_(n, 1 - keep)
            else:
                m.copy_(n)


if __name__ == "__main__":
    main()
