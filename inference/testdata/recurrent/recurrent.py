"""Writes recurrent.onnx and recurrent.yaml, a model of RVM's layout without any training.

It remembers what RVM remembers, four values that it hands on from frame to
frame, and each of them matters, so that one that is lost, shared between videos
or handed on in another order shows in the matte:

    light  = the mean of red, green and blue, of each pixel
    r1o    = r1i / 2 + light averaged over 2 by 2 pixels     (where something was)
    r2o    = r2i + 1                                         (how many frames there were)
    r3o    = 3/4 r3i + mean of light                         (in which order they came)
    r4o    = r4i / 2 + downsample_ratio                      (how the model was asked)
    pha    = light / 4 + r1o enlarged / 8 + r2o / 64 + r3o / 32 + r4o / 64

The size of the picture is open, as in the reference's export, and the states
begin as zeros of one value. Needs the packages onnx and numpy.

    python recurrent.py        # in this folder
"""

import hashlib

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper


def constant(name, value, shape=()):
    return numpy_helper.from_array(numpy.full(shape, value, numpy.float32), name)


weights = [constant("third", 1 / 3, (1, 3, 1, 1))]
weights += [constant(f"c{i}", v) for i, v in enumerate([0.5, 1, 0.75, 0.25, 1 / 8, 1 / 64, 1 / 32, 1 / 64])]
weights += [numpy_helper.from_array(numpy.array([1, 1, 1, 1], numpy.int64), "ones")]
weights += [numpy_helper.from_array(numpy.array([1, 1, 2, 2], numpy.float32), "twice")]
node = helper.make_node
nodes = [
    node("Conv", ["src", "third"], ["light"]),
    node("AveragePool", ["light"], ["coarse"], kernel_shape=[2, 2], strides=[2, 2]),
    node("Mul", ["r1i", "c0"], ["kept1"]),
    node("Add", ["coarse", "kept1"], ["r1o"]),
    node("Add", ["r2i", "c1"], ["r2o"]),
    node("ReduceMean", ["light"], ["mean"], axes=[1, 2, 3]),
    node("Mul", ["r3i", "c2"], ["kept3"]),
    node("Add", ["kept3", "mean"], ["r3o"]),
    node("Mul", ["r4i", "c0"], ["kept4"]),
    node("Reshape", ["downsample_ratio", "ones"], ["ratio"]),
    node("Add", ["kept4", "ratio"], ["r4o"]),
    node("Resize", ["r1o", "", "twice"], ["large"], mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric"),
    node("Mul", ["light", "c3"], ["p0"]),
    node("Mul", ["large", "c4"], ["p1"]),
    node("Mul", ["r2o", "c5"], ["p2"]),
    node("Mul", ["r3o", "c6"], ["p3"]),
    node("Mul", ["r4o", "c7"], ["p4"]),
    node("Sum", ["p0", "p1", "p2", "p3", "p4"], ["pha"]),
    node("Mul", ["src", "pha"], ["fgr"]),
]


def value(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


inputs = [value("src", "batch", 3, "height", "width")]
inputs += [value(f"r{i}i", "batch", 1, f"r{i}h", f"r{i}w") for i in (1, 2, 3, 4)]
inputs += [value("downsample_ratio", 1)]
outputs = [value("fgr", "batch", 3, "height", "width"), value("pha", "batch", 1, "height", "width")]
outputs += [value(f"r{i}o", "batch", 1, f"o{i}h", f"o{i}w") for i in (1, 2, 3, 4)]
graph = helper.make_graph(nodes, "recurrent", inputs, outputs, weights)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
data = model.SerializeToString()
with open("recurrent.onnx", "wb") as file:
    file.write(data)
with open("recurrent.yaml", "w") as file:
    file.write(
        f"""schema: motionmill.model/1
name: recurrent
task: matte
family: rvm
file: recurrent.onnx
sha256: {hashlib.sha256(data).hexdigest()}
licence: Apache-2.0
note: Remembers light, for tests; recurrent.py made it.
rank: 0
input: {{name: src, width: 512, height: 288, std: [255, 255, 255], fit: stretch}}
"""
    )
