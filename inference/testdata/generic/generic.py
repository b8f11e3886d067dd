"""Writes the small models that the tests of generic steps and of float16 run.

None is trained: what each gives can be worked out by hand. Needs the packages
onnx and numpy.

    python generic.py        # in this folder
"""

import hashlib

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, HALF, INT64 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64


def constant(name, values, kind=numpy.float32):
    return numpy_helper.from_array(numpy.array(values, kind), name)


def write(name, nodes, inputs, outputs, weights, manifest):
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(*i) for i in inputs],
        [helper.make_tensor_value_info(*o) for o in outputs],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    with open(name + ".onnx", "wb") as file:
        file.write(data)
    with open(name + ".yaml", "w") as file:
        file.write(
            f"""schema: motionmill.model/1
name: {name}
task: {manifest.pop("task", "generic")}
family: {manifest.pop("family", "generic")}
file: {name}.onnx
sha256: {hashlib.sha256(data).hexdigest()}
licence: Apache-2.0
note: For tests; generic.py made it.
rank: 0
"""
        )
        for field, value in manifest.items():
            file.write(f"{field}: {value}\n")


# The mean of each channel of a frame, 0 to 1.
write(
    "mean-colour",
    [helper.make_node("ReduceMean", ["picture"], ["mean"], axes=[2, 3], keepdims=0)],
    [("picture", FLOAT, [1, 3, 24, 32])],
    [("mean", FLOAT, [1, 3])],
    [],
    {"input": "{name: picture, width: 32, height: 24, std: [255, 255, 255], fit: stretch}"},
)

# The loudest sample and the root mean square of a second of sound.
write(
    "loudness",
    [
        helper.make_node("Abs", ["samples"], ["sizes"]),
        helper.make_node("ReduceMax", ["sizes"], ["peak"], axes=[1], keepdims=0),
        helper.make_node("Mul", ["samples", "samples"], ["squares"]),
        helper.make_node("ReduceMean", ["squares"], ["power"], axes=[1], keepdims=0),
        helper.make_node("Sqrt", ["power"], ["rms"]),
    ],
    [("samples", FLOAT, [1, "n"])],
    [("peak", FLOAT, [1]), ("rms", FLOAT, [1])],
    [],
    {"options": "{inputs: [{name: samples, from: audio, rate: 8000, window: 1}]}"},
)

# The loudest sample so far, where each run forgets a part: what it gives goes back
# in. The part, and the sum of the samples, are scalars.
write(
    "fading-peak",
    [
        helper.make_node("Abs", ["samples"], ["sizes"]),
        helper.make_node("ReduceMax", ["sizes"], ["now"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["before", "part"], ["faded"]),
        helper.make_node("Max", ["now", "faded"], ["peak"]),
        helper.make_node("ReduceSum", ["samples"], ["sum"], keepdims=0),
    ],
    [("samples", FLOAT, [1, "n"]), ("before", FLOAT, ["batch", 1]), ("part", FLOAT, [])],
    [("peak", FLOAT, ["batch", 1]), ("sum", FLOAT, [])],
    [],
    {
        "options": "{inputs: [{name: samples, from: audio, rate: 8000, window: 0.2, step: 0.1}, "
        "{name: before, from: state, of: peak}, {name: part, from: value, value: [0.5]}]}",
    },
)

# A tone for each byte of a text: 100 ms of 10 Hz times the byte, half as loud as can be.
RATE, TONE = 8000, 800
write(
    "beeper",
    [
        helper.make_node("Cast", ["bytes"], ["numbers"], to=FLOAT),
        helper.make_node("Unsqueeze", ["numbers", "last"], ["column"]),
        helper.make_node("Mul", ["column", "turns"], ["angles"]),
        helper.make_node("Sin", ["angles"], ["tones"]),
        helper.make_node("Mul", ["tones", "loud"], ["loud_tones"]),
        helper.make_node("Reshape", ["loud_tones", "row"], ["sound"]),
    ],
    [("bytes", INT64, [1, "n"]), ("loud", FLOAT, [1])],
    [("sound", FLOAT, [1, "samples"])],
    [
        constant("last", [2], numpy.int64),
        constant("turns", 2 * numpy.pi * 10 * numpy.arange(TONE) / RATE),
        constant("row", [1, -1], numpy.int64),
    ],
    {
        "options": "{rate: %d, inputs: [{name: bytes, from: text}, {name: loud, from: value, value: [0.5]}]}" % RATE,
    },
)

# The red of a frame as a grey picture, from a middle frame.
write(
    "red-of-frame",
    [helper.make_node("Slice", ["picture", "from", "to", "axis"], ["red"])],
    [("picture", FLOAT, [1, 3, 24, 32])],
    [("red", FLOAT, [1, 1, 24, 32])],
    [constant("from", [0], numpy.int64), constant("to", [1], numpy.int64), constant("axis", [1], numpy.int64)],
    {
        "input": "{name: picture, width: 32, height: 24, std: [255, 255, 255], fit: stretch}",
        "options": "{at: 0.5}",
    },
)

# The blue of a frame as a matte, all in float16; and the same with an open
# batch, whose output's shape is known only after a run.
for name, batch in (("half-matte", 1), ("half-matte-open", "n")):
    write(
        name,
        [helper.make_node("Slice", ["picture", "from", "to", "axis"], ["blue"]), helper.make_node("Mul", ["blue", "one"], ["matte"])],
        [("picture", HALF, [batch, 3, 24, 32])],
        [("matte", HALF, [batch, 1, 24, 32])],
        [
            constant("from", [2], numpy.int64),
            constant("to", [3], numpy.int64),
            constant("axis", [1], numpy.int64),
            constant("one", [1], numpy.float16),
        ],
        {
            "task": "matte",
            "family": "matte",
            "input": "{name: picture, width: 32, height: 24, type: float16, std: [255, 255, 255], fit: stretch}",
        },
    )
