// Package coco measures poses, boxes and masks of people as the COCO challenge does
// (cocodataset.org, "Keypoint Evaluation" and "Detection Evaluation"): average precision
// over ten thresholds of object keypoint similarity, or of the intersection
// over union of boxes or masks. It was written from these pages; its tests compare
// it with the numbers of the reference implementation, pycocotools.
//
// Coordinates are pixels of the picture, 0 being the middle of the first one
// for keypoints, and its left or upper edge for boxes and polygons.
package coco
