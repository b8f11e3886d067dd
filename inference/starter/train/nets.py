"""The two networks: small depthwise-separable U-Nets of plain operators."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


class Exact(nn.Conv2d):
    """A convolution that is always done in float32. One of each channel by itself, or of very few channels, takes a
    CPU up to ten times longer backward in bfloat16."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


def _conv(cin: int, cout: int, k: int = 1, stride: int = 1, groups: int = 1, act: bool = True) -> nn.Sequential:
    kind = Exact if groups > 1 or (stride > 1 and 3 < cin < 16) else nn.Conv2d
    layers = [kind(cin, cout, k, stride, k // 2, groups=groups, bias=False), nn.BatchNorm2d(cout)]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if act else nn.Sequential(*layers)


class Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow."""

    def __init__(self, cin: int, cout: int, stride: int = 1, expand: int = 2, k: int = 3) -> None:
        super().__init__()
        mid = cin * expand
        self.body = nn.Sequential(_conv(cin, mid), _conv(mid, mid, k, stride, mid), _conv(mid, cout, act=False))
        self.same = stride == 1 and cin == cout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.body(x)
        return x + y if self.same else y


class Dense(nn.Module):
    """Two plain 3×3 convolutions around which the input is added: quick where maps are large and thin."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(c, c, 3), _conv(c, c, 3, act=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.body(x))


class Merge(nn.Module):
    """Brings a coarse map up to a fine one, adds them, and filters the sum."""

    def __init__(self, coarse: int, fine: int, out: int) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(coarse, out, 1), nn.Conv2d(fine, out, 1)
        self.after = _conv(out, out, 3)

    def forward(self, coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        up = F.interpolate(self.a(coarse), scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.after(F.relu(up + self.b(fine)))


class UNet(nn.Module):
    """Strides 2 to 32 and back. widths: channels at strides 2, 4, 8, 16, 32; back: channels on the way back, coarse first."""

    def __init__(self, widths: tuple[int, ...], back: tuple[int, ...]) -> None:
        super().__init__()
        w = widths
        self.stem = _conv(3, w[0], 3, 2)
        self.stages = nn.ModuleList([
            nn.Sequential(_conv(w[0], w[1], 3, 2), Dense(w[1])),
            nn.Sequential(_conv(w[1], w[2], 3, 2), Dense(w[2])),
            nn.Sequential(Block(w[2], w[3], 2, 2), Block(w[3], w[3], k=5), Block(w[3], w[3], k=5)),
            nn.Sequential(Block(w[3], w[4], 2, 2), Block(w[4], w[4], k=5)),
        ])
        coarse = (w[4], *back)
        self.merges = nn.ModuleList(Merge(coarse[i], w[3 - i], c) for i, c in enumerate(back))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = [self.stem(x)]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        y = maps[4]
        for merge, fine in zip(self.merges, maps[3::-1]):
            y = merge(y, fine)
        return y


class PoseNet(nn.Module):
    """N×3×128×96 (normalised) to N×17×64×48 heatmaps."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = UNet((16, 40, 64, 96, 112), (56, 48, 48))
        self.head = nn.Sequential(nn.Conv2d(48, 17 * 4, 1), nn.PixelShuffle(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.trunk(x))


class MatteNet(nn.Module):
    """N×3×192×192 (0–1) to N×1×192×192 logits; with eval_probability set it ends in a sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = UNet((12, 28, 48, 72, 96), (40, 32, 28, 12))
        self.head = nn.Sequential(nn.Conv2d(12, 4, 3, padding=1), nn.PixelShuffle(2))
        self.eval_probability = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.head(self.trunk((x - 0.5) * 2))
        return torch.sigmoid(y) if self.eval_probability else y
