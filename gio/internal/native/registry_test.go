package native

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRegistryFindsWhatWasAdded(t *testing.T) {
	var r Registry[string]
	_, ok := r.Get(0)
	require.False(t, ok, "no id is 0")
	a, b := r.Add("a"), r.Add("b")
	require.NotEqual(t, a, b)
	require.NotZero(t, a)
	require.Equal(t, 2, r.Len())
	v, ok := r.Get(a)
	require.True(t, ok)
	require.Equal(t, "a", v)
	r.Remove(a)
	r.Remove(a) // counts once
	require.Equal(t, 1, r.Len())
	_, ok = r.Get(a)
	require.False(t, ok)
	require.NotEqual(t, a, r.Add("c"), "an id that C may still carry is not given out again")
}

// A value may be nil, which is not the same as none.
func TestRegistryHoldsNil(t *testing.T) {
	var r Registry[any]
	id := r.Add(nil)
	v, ok := r.Get(id)
	require.True(t, ok)
	require.Nil(t, v)
}

func TestRegistryIsForAnyGoroutine(t *testing.T) {
	var r Registry[int]
	var all sync.WaitGroup
	for i := range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 100 {
				id := r.Add(i)
				if v, ok := r.Get(id); !ok || v != i {
					t.Errorf("%d for %d", v, i)
				}
				r.Remove(id)
			}
		}()
	}
	all.Wait()
	require.Zero(t, r.Len())
}
