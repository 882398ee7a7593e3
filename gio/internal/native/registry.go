package native

import (
	"sync"
	"sync/atomic"
)

// Registry gives out ids by which C finds a Go value again. The zero value is
// ready; its methods are for any goroutine. No id is given out twice, and none is 0.
type Registry[T any] struct {
	last atomic.Uint64
	n    atomic.Int64
	byID sync.Map // uint64 -> T
}

// Add makes v known, until Remove.
func (r *Registry[T]) Add(v T) uint64 {
	id := r.last.Add(1)
	r.n.Add(1)
	r.byID.Store(id, v)
	return id
}

// Get is what was added with id; false when that has been removed.
func (r *Registry[T]) Get(id uint64) (v T, ok bool) {
	x, ok := r.byID.Load(id)
	v, _ = x.(T) // a nil of an interface type is none for Go
	return v, ok
}

// Remove forgets id. It may be called more than once.
func (r *Registry[T]) Remove(id uint64) {
	if _, ok := r.byID.LoadAndDelete(id); ok {
		r.n.Add(-1)
	}
}

// Len is how many there are.
func (r *Registry[T]) Len() int { return int(r.n.Load()) }
