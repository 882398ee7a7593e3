package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// counts waits until the page shows how many are in each room, and beside the room that
// it is in the same number, and as many names.
func (p *page) counts(here, lobby, attic int) {
	p.t.Helper()
	count := func(room string, people int) string {
		button := fmt.Sprintf(`document.querySelector('#rooms button[data-room="%s"]')`, room)
		if people == 0 && room != "lobby" {
			return "!" + button
		}
		return fmt.Sprintf(`%s?.querySelector(".count").textContent === "%d"`, button, people)
	}
	p.until(fmt.Sprintf(`%s && %s && document.getElementById("people-count").textContent === "%d" && document.getElementById("show-side-count").textContent === "%[3]d" && document.querySelectorAll("#people .name").length === %[3]d`,
		count("lobby", lobby), count("attic", attic), here))
}

// Eight people in two rooms, each with the page, see who is where after each move.
func browserCounts(t *testing.T, browser context.Context) {
	_, url := openChat(t)
	var people []*page
	where := map[*page]string{}
	in := func(room string) (n int) {
		for _, r := range where {
			if r == room {
				n++
			}
		}
		return n
	}
	check := func() {
		t.Helper()
		for p, room := range where {
			p.counts(in(room), in("lobby"), in("attic"))
		}
	}
	for range 8 {
		p := openPage(t, browser, url)
		p.entered("lobby")
		people = append(people, p)
		where[p] = "lobby"
		check()
	}
	for _, p := range people[:5] {
		p.say("/join attic")
		p.entered("attic")
		where[p] = "attic"
		check()
	}
	for _, p := range people[:2] { // by the list
		p.do(chromedp.Click(`#rooms button[data-room="lobby"]`, chromedp.ByQuery))
		p.entered("lobby")
		where[p] = "lobby"
		check()
	}
	people[7].picture("counts")
	people[2].say("/quit")
	people[2].sees("state", "Not connected")
	delete(where, people[2])
	check()
	require.NoError(t, chromedp.Cancel(people[3].ctx)) // closes the tab
	delete(where, people[3])
	check()
	people[4].say("/join lobby") // who was the last there: the room goes
	people[4].entered("lobby")
	where[people[4]] = "lobby"
	check()
	require.Equal(t, 6, in("lobby"))
	require.Empty(t, people[7].complaints())
}
