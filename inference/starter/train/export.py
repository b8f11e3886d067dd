"""Writes a trained checkpoint as .onnx, with the model's manifest (.yaml) beside it."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import onnx
import torch

import nets

MANIFEST = """schema: motionmill.model/1
name: {name}
task: {task}
family: {family}
file: {name}.onnx
sha256: {sha256}
licence: Apache-2.0
source: trained by inference/starter/train
note: "starter: trained on rendered figures only; real footage wants a pulled model"
rank: 0
"""
POSE_INPUT = """input: {name: input, width: 96, height: 128, layout: nchw, colour: rgb, mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375], fit: affine}
keypoints: coco17
options: {box_scale: 1.25, decode: dark}
"""
MATTE_INPUT = """input: {name: input, width: 192, height: 192, layout: nchw, colour: rgb, mean: [0, 0, 0], std: [255, 255, 255], fit: stretch}
"""
TASKS = {
    "pose": (nets.PoseNet, "heatmap", (3, 128, 96), "heatmaps", POSE_INPUT),
    "matte": (nets.MatteNet, "matte", (3, 192, 192), "alpha", MATTE_INPUT),
}


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("task", choices=TASKS)
    ap.add_argument("--checkpoint", type=Path, required=True)
    ap.add_argument("--out", type=Path, required=True, help="folder for the .onnx and the .yaml")
    a = ap.parse_args()
    make, family, shape, output, tail = TASKS[a.task]
    net = make()
    net.load_state_dict(torch.load(a.checkpoint, weights_only=True))
    net.eval()
    net.eval_probability = True
    name = f"starter-{a.task}"
    path = a.out / f"{name}.onnx"
    torch.onnx.export(
        net, (torch.zeros(2, *shape),), str(path), opset_version=17, dynamo=False, do_constant_folding=True,
        input_names=["input"], output_names=[output], dynamic_axes={"input": {0: "n"}, output: {0: "n"}})
    model = onnx.load(path)
    model.ir_version = min(model.ir_version, 9)
    model.producer_name, model.producer_version = "motionmill-starter", ""
    for node in model.graph.node:
        node.ClearField("doc_string")
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    data = path.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    (a.out / f"{name}.yaml").write_text(MANIFEST.format(name=name, task=a.task, family=family, sha256=sha256) + tail)
    ops = sorted({n.op_type for n in model.graph.node})
    print(f"{path.name}: {len(data)} bytes, IR {model.ir_version}, {len(model.graph.node)} nodes of {', '.join(ops)}")


if __name__ == "__main__":
    main()
