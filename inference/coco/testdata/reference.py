"""Writes reference.json: random poses, masks and boxes, and what pycocotools makes of them.

    pip install pycocotools && python reference.py        # in this folder
"""

import contextlib
import io
import json

import numpy
from pycocotools import mask as masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

random = numpy.random.default_rng(17)
POSE = ["ap", "ap50", "ap75", "ap_medium", "ap_large", "ar", "ar50", "ar75", "ar_medium", "ar_large"]
MASK = ["ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "", "", "ar", "ar_small", "ar_medium", "ar_large"]


def evaluate(truth, found, kind):
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        run = COCOeval(coco, coco.loadRes(found), kind)
        run.evaluate()
        run.accumulate()
        run.summarize()
    names = POSE if kind == "keypoints" else MASK
    return {name: float(value) for name, value in zip(names, run.stats) if name}


def copied(results):
    """loadRes writes into what it is given."""
    return json.loads(json.dumps(results))


def dataset(images, annotations):
    for number, annotation in enumerate(annotations, 1):
        annotation["id"] = number
        annotation["category_id"] = 1
    return {"info": {}, "images": images, "categories": [{"id": 1, "name": "person"}], "annotations": annotations}


def poses():
    images, annotations, found = [], [], []
    for image in range(1, 15):
        images.append({"id": image, "width": 640, "height": 480, "file_name": f"{image}.jpg"})
        for person in range(random.integers(0, 5)):
            size = random.choice([40, 90, 160, 300]) * random.uniform(0.8, 1.2)
            x, y = random.uniform(0, 500), random.uniform(0, 300)
            points = numpy.stack([random.uniform(x, x + size / 2, 17), random.uniform(y, y + size, 17)], 1).round(1)
            flags = random.choice([0, 1, 2], 17, p=[0.3, 0.2, 0.5])
            if random.uniform() < 0.15:
                flags[:] = 0
            labelled = numpy.concatenate([points * (flags[:, None] > 0), flags[:, None]], 1)
            annotations.append({
                "image_id": image, "bbox": [round(v, 1) for v in (x, y, size / 2, size)], "area": round(size * size * 0.35, 1),
                "iscrowd": int(random.uniform() < 0.1), "num_keypoints": int((flags > 0).sum()),
                "keypoints": labelled.ravel().round(1).tolist(),
            })
            for _ in range(random.integers(0, 4)):
                off = points + random.normal(0, size * random.choice([0.01, 0.03, 0.08]), (17, 2))
                found.append((image, off))
        for _ in range(random.integers(0, 3) if image > 1 else 22):  # More than the 20 that count.
            found.append((image, random.uniform(0, 480, (17, 2))))
    results = [
        {"image_id": image, "category_id": 1, "score": round(float(random.uniform()), 2),  # Some are equal.
         "keypoints": numpy.concatenate([points.round(1), numpy.ones((17, 1))], 1).ravel().tolist()}
        for image, points in found
    ]
    truth = dataset(images, annotations)
    return {"truth": truth, "found": results, "scores": evaluate(truth, copied(results), "keypoints")}


def blob(width, height):
    """An ellipse with a bite, so that runs are of many lengths."""
    y, x = numpy.mgrid[:height, :width]
    cx, cy = random.uniform(0, width), random.uniform(0, height)
    rx, ry = random.choice([8, 20, 60]) * random.uniform(0.7, 1.3, 2)
    return lambda dx, dy, grow: (
        (((x - cx - dx) / (rx * grow)) ** 2 + ((y - cy - dy) / (ry * grow)) ** 2 < 1) & (abs(x - cx - dx) + abs(y - cy) > rx / 3)
    )


def packed(pixels):
    code = masks.encode(numpy.asfortranarray(pixels.astype(numpy.uint8)))
    return {"size": code["size"], "counts": code["counts"].decode()}


def cutouts():
    width, height = 230, 170
    images, annotations, results = [], [], []
    for image in range(1, 9):
        images.append({"id": image, "width": width, "height": height, "file_name": f"{image}.jpg"})
        for _ in range(random.integers(0, 5)):
            shape = blob(width, height)
            pixels = shape(0, 0, 1)
            if not pixels.any():
                continue
            crowd = int(random.uniform() < 0.15)
            code = packed(pixels)
            annotations.append({"image_id": image, "bbox": masks.toBbox(code).tolist(), "area": int(pixels.sum()),
                                "iscrowd": crowd, "segmentation": code})
            for _ in range(random.integers(0, 4)):
                near = shape(*random.normal(0, 3, 2), random.uniform(0.8, 1.2))
                results.append({"image_id": image, "category_id": 1, "score": round(float(random.uniform()), 2),
                                "segmentation": packed(near)})
        results.append({"image_id": image, "category_id": 1, "score": round(float(random.uniform()), 2),
                        "segmentation": packed(blob(width, height)(0, 0, 1))})
    truth = dataset(images, annotations)
    return {"truth": truth, "found": results, "scores": evaluate(truth, copied(results), "segm")}


def polygons():
    """Stars of many corners, and the number of pixels that pycocotools takes for inside."""
    out = []
    for _ in range(20):
        n = int(random.integers(3, 12))
        angles = numpy.sort(random.uniform(0, 2 * numpy.pi, n))
        far = random.uniform(10, 60, n)
        points = numpy.stack([70 + far * numpy.cos(angles), 60 + far * numpy.sin(angles)], 1).round(2).ravel().tolist()
        code = masks.merge(masks.frPyObjects([points], 120, 140))
        out.append({"polygon": points, "mask": {"size": code["size"], "counts": code["counts"].decode()}})
    return out


def boxes():
    images, annotations, results = [], [], []
    for image in range(1, 13):
        images.append({"id": image, "width": 640, "height": 480, "file_name": f"{image}.jpg"})
        for _ in range(random.integers(0, 5)):
            size = random.choice([20, 60, 200]) * random.uniform(0.7, 1.3, 2)
            box = numpy.concatenate([random.uniform(0, 400, 2), size])
            annotations.append({"image_id": image, "bbox": box.round(2).tolist(), "iscrowd": int(random.uniform() < 0.15),
                                "area": round(float(size.prod()) * random.uniform(0.4, 1), 1)})
            for _ in range(random.integers(0, 4)):
                results.append((image, box + random.normal(0, size.mean() * random.choice([0.01, 0.05, 0.15]), 4)))
        for _ in range(random.integers(0, 3) if image > 1 else 101):  # More than the 100 that count.
            results.append((image, numpy.concatenate([random.uniform(0, 400, 2), random.uniform(10, 200, 2)])))
    results = [{"image_id": image, "category_id": 1, "score": round(float(random.uniform()), 2),
                "bbox": numpy.concatenate([box[:2], numpy.maximum(box[2:], 1)]).round(2).tolist()} for image, box in results]
    truth = dataset(images, annotations)
    return {"truth": truth, "found": results, "scores": evaluate(truth, copied(results), "bbox")}


with open("reference.json", "w") as file:
    json.dump({"poses": poses(), "masks": cutouts(), "polygons": polygons(), "boxes": boxes()}, file, separators=(",", ":"))
    file.write("\n")
