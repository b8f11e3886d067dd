package models

import (
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"
)

// KeypointSet names the points of a pose and says which of them are joined.
type KeypointSet struct {
	Names []string
	// Pairs are indices into Names: the lines of the skeleton.
	Pairs [][2]int
}

// UnmarshalYAML takes the name of a known set (coco17, halpe26, coco133), a
// list of names, or names with pairs.
func (k *KeypointSet) UnmarshalYAML(node *yaml.Node) error {
	switch node.Kind {
	case yaml.ScalarNode:
		set, ok := namedKeypoints(node.Value)
		if !ok {
			return WrongField("keypoints", "%q is not a known set (coco17, halpe26, coco133)", node.Value)
		}
		*k = set
		return nil
	case yaml.SequenceNode:
		if err := node.Decode(&k.Names); err != nil {
			return fmt.Errorf("field keypoints: %w", err)
		}
	default:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if key := node.Content[i].Value; key != "names" && key != "pairs" {
				return WrongField("keypoints", "unknown field %q", key)
			}
		}
		var set struct {
			Names []string
			Pairs [][2]int
		}
		if err := node.Decode(&set); err != nil {
			return fmt.Errorf("field keypoints: %w", err)
		}
		k.Names, k.Pairs = set.Names, set.Pairs
	}
	for i, name := range k.Names {
		if name == "" || slices.Contains(k.Names[:i], name) {
			return WrongField("keypoints", "point %d is named %q: each has a name of its own", i, name)
		}
	}
	for _, pair := range k.Pairs {
		if min(pair[0], pair[1]) < 0 || max(pair[0], pair[1]) >= len(k.Names) {
			return WrongField("keypoints", "the pair %v names a point that is not among the %d", pair, len(k.Names))
		}
	}
	return nil
}

func namedKeypoints(name string) (KeypointSet, bool) {
	switch name {
	case "coco17":
		return Coco17(), true
	case "halpe26":
		return halpe26(), true
	case "coco133":
		return coco133(), true
	default:
		return KeypointSet{}, false
	}
}

// Coco17 is the body of the COCO keypoint task.
func Coco17() KeypointSet {
	return KeypointSet{
		Names: []string{
			"nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
			"left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
			"left_knee", "right_knee", "left_ankle", "right_ankle",
		},
		Pairs: [][2]int{
			{15, 13}, {13, 11}, {16, 14}, {14, 12}, {11, 12}, {5, 11}, {6, 12}, {5, 6}, {5, 7}, {6, 8},
			{7, 9}, {8, 10}, {1, 2}, {0, 1}, {0, 2}, {1, 3}, {2, 4}, {3, 5}, {4, 6},
		},
	}
}

// halpe26 is the body of the Halpe data set: COCO's with head, neck, the middle of the hips and feet.
func halpe26() KeypointSet {
	body := Coco17().Names
	return KeypointSet{
		Names: append(body, "head", "neck", "hip", "left_big_toe", "right_big_toe",
			"left_small_toe", "right_small_toe", "left_heel", "right_heel"),
		Pairs: [][2]int{
			{15, 13}, {13, 11}, {11, 19}, {16, 14}, {14, 12}, {12, 19}, {17, 18}, {18, 19}, {18, 5}, {5, 7}, {7, 9},
			{18, 6}, {6, 8}, {8, 10}, {1, 2}, {0, 1}, {0, 2}, {1, 3}, {2, 4}, {3, 5}, {4, 6},
			{15, 20}, {15, 22}, {15, 24}, {16, 21}, {16, 23}, {16, 25},
		},
	}
}

// coco133 is COCO-WholeBody: body, feet, 68 points of the face, 21 of each hand.
func coco133() KeypointSet {
	set := Coco17()
	set.Names = append(set.Names, "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel")
	set.Pairs = append(set.Pairs, [][2]int{{15, 17}, {15, 18}, {15, 19}, {16, 20}, {16, 21}, {16, 22}}...)
	for i := range 68 {
		set.Names = append(set.Names, fmt.Sprintf("face_%d", i))
	}
	for side, wrist := range []int{9, 10} {
		root := len(set.Names)
		set.Names = append(set.Names, []string{"left", "right"}[side]+"_hand_root")
		set.Pairs = append(set.Pairs, [2]int{wrist, root})
		for _, finger := range []string{"thumb", "index", "middle", "ring", "little"} {
			from := root
			for joint := 1; joint <= 4; joint++ {
				set.Pairs = append(set.Pairs, [2]int{from, len(set.Names)})
				from = len(set.Names)
				set.Names = append(set.Names, fmt.Sprintf("%s_%s_%d", []string{"left", "right"}[side], finger, joint))
			}
		}
	}
	return set
}

// ClassSet names what a detector finds, by index.
type ClassSet []string

// UnmarshalYAML takes the name of a known set (coco80) or a list of names.
func (c *ClassSet) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		if node.Value != "coco80" {
			return WrongField("classes", "%q is not a known set (coco80)", node.Value)
		}
		*c = coco80()
		return nil
	}
	var names []string
	if err := node.Decode(&names); err != nil {
		return fmt.Errorf("field classes: %w", err)
	}
	*c = names
	return nil
}

// person returns the index of the class person, or -1.
func (c ClassSet) person() int { return slices.Index(c, "person") }

func coco80() ClassSet {
	return ClassSet{
		"person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
		"fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
		"elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
		"skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
		"tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
		"sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
		"potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard",
		"cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors",
		"teddy bear", "hair drier", "toothbrush",
	}
}
