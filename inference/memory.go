package inference

// grown returns values at length n, made anew when there is no room.
func grown[T any](values []T, n int) []T {
	if cap(values) < n {
		return make([]T, n)
	}
	return values[:n]
}
