"""Writes markers*.onnx and markers*.yaml, pose models without any training, one
for each way in which a model says where a point is.

Each of their six points is the place in the picture that is most purely of one
colour: red, green, blue, yellow, magenta or cyan. A disc of that colour,
rendered at a known place, makes the whole way from a video file to the pose
track measurable. Needs the packages onnx and numpy.

    python markers.py        # in this folder
"""

import hashlib

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

COLOURS = ["red", "green", "blue", "yellow", "magenta", "cyan"]
# MoveNet follows by the torso: its points need these names.
BODY = ["left_shoulder", "nose", "right_shoulder", "left_hip", "right_hip", "left_wrist"]

# How pure a colour is, from channels of 0 to 1: 1 for the colour itself, at
# most 0 for the other five, for black, white and every grey.
PURITY = numpy.array(
    [[1, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]], numpy.float32
)
ABOVE = numpy.array([0, 0, 0, -1, -1, -1], numpy.float32)
# Small discs fill only a part of the blur: the gain keeps their peaks well
# over the score from which a point counts.
GAIN = 8


def purity(source, scale=1.0):
    """Nodes and weights from an nchw picture to its six maps of pure colour, "blur0"."""
    weights = [
        numpy_helper.from_array((GAIN * scale * PURITY).reshape(6, 3, 1, 1), "purity"),
        numpy_helper.from_array(GAIN * ABOVE, "above"),
    ]
    nodes = [
        helper.make_node("Conv", [source, "purity", "above"], ["pure"]),
        helper.make_node("Relu", ["pure"], ["blur0"]),
    ]
    return nodes, weights


def blur(taps, last, **of_the_last):
    """Three boxes make nearly a Gaussian: a single peak in the middle of the disc."""
    box = dict(kernel_shape=[taps, taps], pads=[taps // 2] * 4, count_include_pad=1)
    names = ["blur0", "blur1", "blur2", last]
    return [
        helper.make_node("AveragePool", [names[i]], [names[i + 1]], **box, **(of_the_last if i == 2 else {}))
        for i in range(3)
    ]


def heatmap(width, height):
    """Cell (x, y) has its centre on the input's sample (4x, 4y), as in the models of the family."""
    nodes, weights = purity("input")
    return nodes + blur(9, "heatmaps", strides=[4, 4]), weights, {"heatmaps": [1, 6, height // 4, width // 4]}


def heatmap_udp(width, height):
    """The outermost cells lie on the input's outermost samples."""
    nodes, weights = purity("input")
    shape = [1, 6, height // 4, width // 4]
    weights.append(numpy_helper.from_array(numpy.array(shape, numpy.int64), "shape"))
    nodes += blur(9, "blurred")
    nodes.append(
        helper.make_node(
            "Resize", ["blurred", "", "", "shape"], ["heatmaps"], mode="linear", coordinate_transformation_mode="align_corners"
        )
    )
    return nodes, weights, {"heatmaps": shape}


def centres(width, height):
    """Nodes that give "x" and "y", the place of each colour as a share of the input, whose edges
    are 0 and 1, and "score": the mean place, weighted by a high power of the map."""
    constants = {
        "power": numpy.array(8, numpy.float32),
        "tiny": numpy.array(1e-20, numpy.float32),
        "shares_x": ((numpy.arange(width, dtype=numpy.float32) + 0.5) / width).reshape(1, 1, 1, width),
        "shares_y": ((numpy.arange(height, dtype=numpy.float32) + 0.5) / height).reshape(1, 1, height, 1),
        "one": numpy.array(1, numpy.float32),
    }
    weights = [numpy_helper.from_array(v, k) for k, v in constants.items()]
    nodes = [
        helper.make_node("ReduceMax", ["blurred"], ["peak"], axes=[2, 3], keepdims=1),
        helper.make_node("Add", ["peak", "tiny"], ["height"]),
        helper.make_node("Div", ["blurred", "height"], ["relative"]),
        helper.make_node("Pow", ["relative", "power"], ["weight"]),
        helper.make_node("ReduceSum", ["weight", "area"], ["total"], keepdims=1),
        helper.make_node("Add", ["total", "tiny"], ["sum"]),
        helper.make_node("Min", ["peak", "one"], ["score"]),
    ]
    weights.append(numpy_helper.from_array(numpy.array([2, 3], numpy.int64), "area"))
    for axis in "xy":
        nodes += [
            helper.make_node("Mul", ["weight", "shares_" + axis], [axis + "_weighed"]),
            helper.make_node("ReduceSum", [axis + "_weighed", "area"], [axis + "_sum"], keepdims=1),
            helper.make_node("Div", [axis + "_sum", "sum"], [axis]),
        ]
    return nodes, weights


SPLIT = 8


def simcc(width, height):
    """Rows with a Gaussian about the point, as the labels of the family are: SPLIT
    steps a sample, step 0 being the middle of the first."""
    nodes, weights = purity("input")
    nodes += blur(5, "blurred")
    more, constants = centres(width, height)
    nodes += more
    weights += constants + [numpy_helper.from_array(numpy.array(-1 / (2 * 2**2), numpy.float32), "narrow")]
    weights.append(numpy_helper.from_array(numpy.array([1, 6, 1], numpy.int64), "column"))
    outputs = {}
    for axis, size in (("x", width), ("y", height)):
        steps = (numpy.arange(SPLIT * size, dtype=numpy.float32) / SPLIT + 0.5) / size
        weights += [
            numpy_helper.from_array(steps.reshape(1, 1, -1), axis + "_steps"),
            numpy_helper.from_array(numpy.array(size, numpy.float32), axis + "_size"),
        ]
        nodes += [
            helper.make_node("Reshape", [axis, "column"], [axis + "_column"]),
            helper.make_node("Sub", [axis + "_steps", axis + "_column"], [axis + "_share"]),
            helper.make_node("Mul", [axis + "_share", axis + "_size"], [axis + "_off"]),
            helper.make_node("Mul", [axis + "_off", axis + "_off"], [axis + "_square"]),
            helper.make_node("Mul", [axis + "_square", "narrow"], [axis + "_exponent"]),
            helper.make_node("Exp", [axis + "_exponent"], [axis + "_bump"]),
            helper.make_node("Reshape", ["score", "column"], [axis + "_score"]),
            helper.make_node("Mul", [axis + "_bump", axis + "_score"], ["simcc_" + axis]),
        ]
        outputs["simcc_" + axis] = [1, 6, SPLIT * size]
    return nodes, weights, outputs


def movenet(width, height):
    """y, x, score of each point, of a mixed picture of 0 to 255."""
    nodes = [
        helper.make_node("Cast", ["input"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
    ]
    more, weights = purity("planes", 1 / 255)
    nodes += more + blur(5, "blurred")
    more, constants = centres(width, height)
    nodes += more + [helper.make_node("Concat", ["y", "x", "score"], ["columns"], axis=3)]
    weights += constants + [numpy_helper.from_array(numpy.array([1, 1, 6, 3], numpy.int64), "shape")]
    nodes.append(helper.make_node("Reshape", ["columns", "shape"], ["poses"]))
    return nodes, weights, {"poses": [1, 1, 6, 3]}


def yolo(width, height):
    """One person: centre, width, height and score of the box that holds the
    points, then x, y, score of each, all in px of the input."""
    nodes, weights = purity("input")
    nodes += blur(5, "blurred")
    more, constants = centres(width, height)
    nodes += more
    weights += constants + [
        numpy_helper.from_array(numpy.array([width, height, 1], numpy.float32), "sizes"),
        numpy_helper.from_array(numpy.array([1, 18, 1], numpy.int64), "column"),
        numpy_helper.from_array(numpy.array([[[width / 2], [height / 2], [width], [height], [0.9]]], numpy.float32), "box"),
    ]
    nodes += [
        helper.make_node("Concat", ["x", "y", "score"], ["shares"], axis=3),
        helper.make_node("Mul", ["shares", "sizes"], ["points"]),
        helper.make_node("Reshape", ["points", "column"], ["point_column"]),
        helper.make_node("Concat", ["box", "point_column"], ["output0"], axis=1),
    ]
    return nodes, weights, {"output0": [1, 23, 1]}


def write(name, family, make, fields, names, options="", kind=TensorProto.FLOAT, mixed=False):
    width, height = fields["width"], fields["height"]
    nodes, weights, outputs = make(width, height)
    shape = [1, height, width, 3] if mixed else [1, 3, height, width]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("input", kind, shape)],
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in outputs.items()],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    with open(name + ".onnx", "wb") as file:
        file.write(data)
    with open(name + ".yaml", "w") as file:
        file.write(
            f"""schema: motionmill.model/1
name: {name}
task: pose
family: {family}
file: {name}.onnx
sha256: {hashlib.sha256(data).hexdigest()}
licence: Apache-2.0
note: Finds coloured discs, for tests; markers.py made it.
rank: 0
input: {{name: input, {", ".join(f"{k}: {v}" for k, v in fields.items())}}}
keypoints: [{", ".join(names)}]
{options}"""
        )


crop = {"width": 192, "height": 256, "std": "[255, 255, 255]", "fit": "affine"}
write("markers", "heatmap", heatmap, crop, COLOURS, "options: {decode: dark}\n")
write("markers-udp", "heatmap", heatmap_udp, crop, COLOURS, "options: {decode: udp}\n")
write("markers-simcc", "simcc", simcc, crop, COLOURS, f"options: {{split: {SPLIT}}}\n")
square = {"width": 256, "height": 256, "layout": "nhwc", "fit": "letterbox-centre"}
write("markers-movenet", "movenet", movenet, square, BODY, kind=TensorProto.UINT8, mixed=True)
padded = {"width": 320, "height": 320, "std": "[255, 255, 255]", "fit": "letterbox-centre", "pad": 114}
write("markers-yolo", "yolo-pose", yolo, padded, COLOURS)
