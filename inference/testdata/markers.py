"""Writes markers.onnx and markers.yaml, a pose model without any training.

Each of its six points is the place in the picture that is most purely of one
colour: red, green, blue, yellow, magenta or cyan. A disc of that colour,
rendered at a known place, makes the whole way from a video file to the pose
track measurable. Needs the packages onnx and numpy.

    python markers.py        # in this folder
"""

import hashlib

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH, HEIGHT, STRIDE = 192, 256, 4
NAMES = ["red", "green", "blue", "yellow", "magenta", "cyan"]

# How pure a colour is, from channels of 0 to 1: 1 for the colour itself, at
# most 0 for the other five, for black, white and every grey.
PURITY = numpy.array(
    [[1, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]], numpy.float32
)
ABOVE = numpy.array([0, 0, 0, -1, -1, -1], numpy.float32)
# Small discs fill only a part of the blur: the gain keeps their peaks well
# over the score from which a point counts.
GAIN = 8

weights = [
    numpy_helper.from_array((GAIN * PURITY).reshape(6, 3, 1, 1), "purity"),
    numpy_helper.from_array(GAIN * ABOVE, "above"),
]
# Three boxes of 9 make nearly a Gaussian with a deviation of 4.5 px: a single
# peak in the middle of the disc. Cell (x, y) has its centre on the input's
# sample (4x, 4y), as in the models of the family.
blur = dict(kernel_shape=[9, 9], pads=[4, 4, 4, 4], count_include_pad=1)
nodes = [
    helper.make_node("Conv", ["input", "purity", "above"], ["pure"]),
    helper.make_node("Relu", ["pure"], ["blur0"]),
    helper.make_node("AveragePool", ["blur0"], ["blur1"], **blur),
    helper.make_node("AveragePool", ["blur1"], ["blur2"], **blur),
    helper.make_node("AveragePool", ["blur2"], ["heatmaps"], strides=[STRIDE, STRIDE], **blur),
]
graph = helper.make_graph(
    nodes,
    "markers",
    [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])],
    [helper.make_tensor_value_info("heatmaps", TensorProto.FLOAT, [1, 6, HEIGHT // STRIDE, WIDTH // STRIDE])],
    weights,
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
data = model.SerializeToString()
with open("markers.onnx", "wb") as file:
    file.write(data)
with open("markers.yaml", "w") as file:
    file.write(
        f"""schema: motionmill.model/1
name: markers
task: pose
family: heatmap
file: markers.onnx
sha256: {hashlib.sha256(data).hexdigest()}
licence: Apache-2.0
note: Finds coloured discs, for tests; markers.py made it.
rank: 0
input: {{name: input, width: {WIDTH}, height: {HEIGHT}, std: [255, 255, 255], fit: affine}}
keypoints: [{", ".join(NAMES)}]
options: {{decode: dark}}
"""
    )
