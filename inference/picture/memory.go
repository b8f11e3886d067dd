package picture

// Grown returns values at length n, made anew when there is no room: for memory
// that is kept from frame to frame.
func Grown[T any](values []T, n int) []T {
	if cap(values) < n {
		return make([]T, n)
	}
	return values[:n]
}
