package models

// What the tests of this package look at from outside, as inferencetest needs the package whole.
var (
	Coco80         = coco80
	NamedKeypoints = namedKeypoints
)

// PersonOf is the number of the class person.
func PersonOf(c ClassSet) int { return c.person() }
