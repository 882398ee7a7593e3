package hub

// Counts lists the rooms, the most crowded first, at most as many as /rooms does, and
// how many more there are. The channel is closed when that is out of date: somebody
// came or went, or a topic changed.
func (h *Hub) Counts() (rooms []RoomInfo, more int, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.unlock()
	if h.changed == nil {
		h.changed = make(chan struct{})
		infos := h.roomInfos()
		h.counts = infos[:min(len(infos), maxListed)]
		h.uncounted = len(infos) - len(h.counts)
	}
	return h.counts, h.uncounted, h.changed
}

// recount has those who watch the counts ask again. h.mu is held.
func (h *Hub) recount() {
	if h.changed != nil {
		close(h.changed)
		h.changed = nil
	}
}
