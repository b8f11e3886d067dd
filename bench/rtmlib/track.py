"""Tracks the poses in a video with rtmlib's PoseTracker and prints, as one line of JSON, the
seconds that it took from opening the file to the last frame's poses, the models being
loaded; the frames, the poses in them, and the mean score of the first pose of each.

    python track.py VIDEO DETECTOR.onnx POSE.onnx EVERY
"""

import contextlib
import json
import sys
import time
from functools import partial

import cv2
from rtmlib import Custom, PoseTracker


def main(video, detector, pose, every):
    with contextlib.redirect_stdout(sys.stderr):
        solution = partial(
            Custom,
            det_class="YOLOX",
            det=detector,
            det_input_size=(416, 416),
            pose_class="RTMPose",
            pose=pose,
            pose_input_size=(192, 256),
        )
        tracker = PoseTracker(solution, det_frequency=every, backend="onnxruntime", device="cpu")
    frames = poses = 0
    scores_sum = 0.0
    began = time.perf_counter()
    source = cv2.VideoCapture(video)
    while True:
        there, frame = source.read()
        if not there:
            break
        keypoints, scores = tracker(frame)
        frames += 1
        poses += len(keypoints)
        if len(scores):
            scores_sum += float(scores[0].mean())
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "frames": frames, "poses": poses, "score": scores_sum / max(frames, 1)}))


main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
