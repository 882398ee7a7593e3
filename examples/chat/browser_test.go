package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

func TestInABrowser(t *testing.T) {
	browser := startBrowser(t)
	for name, test := range map[string]func(t *testing.T, browser context.Context){
		"talks with a netcat":             browserTalks,
		"comes back with the server":      browserComesBack,
		"says why it cannot":              browserSaysWhy,
		"fits a phone, and the dark":      browserFits,
		"does not move what is read":      browserStays,
		"is used with the keyboard alone": browserKeys,
		"counts who is where":             browserCounts,
	} {
		t.Run(name, func(t *testing.T) { test(t, browser) })
	}
}

// openChat starts a server with a door for lines of text and one for
// browsers, and returns the addresses of both.
func openChat(t *testing.T, args ...string) (lines *net.TCPAddr, url string) {
	t.Helper()
	server := servertest.Start(t, append([]string{"-listen", "tcp:127.0.0.1:0", "-web", "tcp:127.0.0.1:0", "-rate", "0"}, args...)...)
	addrs := server.Addrs(2)
	return addrs[0].(*net.TCPAddr), "http://" + addrs[1].String() + "/"
}

func callNetcat(t *testing.T, addr *net.TCPAddr) *terminal {
	t.Helper()
	n := startPeer(t, need(t, "nc"), addr.IP.String(), fmt.Sprint(addr.Port))
	n.expect("Welcome!")
	return n
}

func browserTalks(t *testing.T, browser context.Context) {
	lines, url := openChat(t)
	bob := callNetcat(t, lines)
	bob.send("/nick bob")
	bob.expect("You are bob now.")

	alice := openPage(t, browser, url)
	alice.entered("lobby")
	alice.isNow("alice")
	bob.expect("is alice now")
	alice.until(`!document.getElementById("name-dialog").open && document.activeElement.id === "line"`)
	alice.say("Hello from the page")
	bob.expect("] alice: Hello from the page\n")
	bob.send("Hello from the terminal")
	alice.sees("log", "Hello from the terminal")
	alice.until(`document.querySelectorAll(".said.own").length === 1 && document.querySelectorAll(".said:not(.own)").length === 1`)
	require.Equal(t, "alicebob", get[string](alice, `[...document.querySelectorAll("#people .name")].map(e => e.textContent).join("")`))

	// What looks like HTML is text like any other.
	const evil = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>&amp;`
	bob.send(evil)
	bob.send("/nick evil")
	bob.send("/topic " + evil)
	bob.send("/me " + evil)
	bob.send("/msg alice " + evil)
	alice.sees("log", "evil, privately to you")
	require.Equal(t, 4, strings.Count(get[string](alice, `document.getElementById("log").innerText`), evil))
	require.Equal(t, evil, get[string](alice, `document.getElementById("topic").textContent`))
	require.Zero(t, get[int](alice, `document.querySelectorAll("#log img, #log script, header img, header script").length`))
	require.Equal(t, "lobby", get[string](alice, `document.title`))
	bob.send("See https://example.org/a?b=c.")
	alice.until(`document.querySelector("#log a")?.href === "https://example.org/a?b=c"`)

	// Two rooms: what is said in one is not heard in the other.
	alice.say("/join attic")
	alice.entered("attic")
	bob.send("nobody hears that in the attic")
	bob.send("/join attic")
	alice.sees("people", "evil")
	alice.say("/me waves")
	bob.expect("* alice waves")
	require.NotContains(t, get[string](alice, `document.getElementById("log").innerText`), "nobody hears")
	alice.say("/leave")
	alice.entered("lobby")
	alice.sees("log", "nobody hears that in the attic") // from the history
	require.Equal(t, 1, get[int](alice, `[...document.querySelectorAll(".said")].filter(e => e.innerText.includes("Hello from the page")).length`), "what was there already is not shown again")
	alice.do(chromedp.Click(`#rooms button[data-room="attic"]`, chromedp.ByQuery))
	alice.entered("attic")

	alice.say("/help")
	alice.sees("log", "/topic [TEXT]")
	require.Empty(t, alice.complaints())
	for _, request := range alice.requests {
		require.Regexp(t, `^(http|ws)://`+strings.TrimPrefix(url, "http://"), request, "nothing comes from elsewhere")
	}
}

func browserComesBack(t *testing.T, browser context.Context) {
	args := []string{"-listen", "tcp:127.0.0.1:0", "-web"}
	first := servertest.Start(t, append(args, "tcp:127.0.0.1:0")...)
	web := first.Addrs(2)[1].String()
	alice := openPage(t, browser, "http://"+web+"/#attic")
	alice.entered("attic")
	alice.isNow("alice")
	alice.sees("people", "alice")
	alice.say("before the end")
	alice.sees("log", "before the end")

	first.Signal(os.Interrupt)
	alice.sees("banner", "The server is shutting down. Goodbye.")
	alice.sees("banner", "Trying again in")
	alice.sees("state", "Not connected")
	require.Equal(t, program.OK, first.Wait())
	alice.say("not lost")
	alice.sees("complaint", "You are not connected: what you wrote stays here.")
	alice.picture("ended")

	second := servertest.Start(t, append(args, "tcp:"+web)...)
	bob := callNetcat(t, second.Addrs(2)[0].(*net.TCPAddr))
	bob.send("/join attic")
	alice.entered("attic")
	alice.sees("people", "alice")
	alice.until(`document.getElementById("banner").hidden`)
	alice.enter()
	bob.expect("] alice: not lost\n")
	require.Contains(t, get[string](alice, `document.getElementById("log").innerText`), "before the end")

	// A connection that breaks without a goodbye.
	require.NoError(t, second.Kill())
	alice.sees("banner", "The connection is lost.")
	servertest.Start(t, append(args, "tcp:"+web)...).Addrs(2)
	alice.entered("attic")
	alice.sees("people", "alice")
}

func browserSaysWhy(t *testing.T, browser context.Context) {
	lines, url := openChat(t, "-max-clients", "2")
	bob := callNetcat(t, lines)
	bob.send("/nick bob")
	bob.expect("You are bob now.")
	alice := openPage(t, browser, url)
	alice.entered("lobby")

	alice.isNow("bob")
	alice.sees("name-problem", "The nickname bob is taken by somebody who is here.")
	alice.picture("taken")
	alice.fill("name", "no good!")
	alice.enter()
	alice.sees("name-problem", "letters, digits, - and _")
	alice.do(chromedp.KeyEvent(kb.Escape))
	alice.until(`!document.getElementById("name-dialog").open && document.activeElement.id === "line"`)

	long := strings.Repeat("ä", 501)
	alice.fill("line", long)
	alice.enter()
	alice.sees("complaint", "That line has 1002 bytes; 1000 can be sent at once.")
	require.Equal(t, long, get[string](alice, `document.getElementById("line").value`), "it stays to be shortened")

	third := openPage(t, browser, url)
	third.sees("banner", "Sorry, you cannot come in now: the server is full: 2 people are already here.")
	third.sees("banner", "Trying again in")
	third.picture("full")

	alice.fill("line", "")
	alice.say("/quit so long")
	bob.expect("left: so long")
	alice.sees("banner", "Goodbye, ")
	alice.picture("left")
	require.Equal(t, "Come back", get[string](alice, `document.getElementById("retry").textContent`))
	require.NotContains(t, get[string](alice, `document.getElementById("banner").innerText`), "Trying again")

	third.do(chromedp.Click("#retry", chromedp.ByQuery))
	third.entered("lobby")
	bob.send("/quit")
	third.sees("log", "bob left")
	alice.do(chromedp.Click("#retry", chromedp.ByQuery))
	alice.entered("lobby")
}

func browserFits(t *testing.T, browser context.Context) {
	for _, scheme := range []string{"light", "dark"} {
		for _, size := range []struct{ width, height int64 }{{1000, 640}, {375, 667}} {
			lines, url := openChat(t)
			bob, zoe := callNetcat(t, lines), callNetcat(t, lines)
			talkOfTheGarden(bob, zoe)
			p := openPage(t, browser, url+"#garden", screen(size.width, size.height, scheme))
			p.entered("garden")
			p.say("/nick anna")
			p.say("Good morning, both!")
			p.say("Mine looks south, so the tomatoes may come to me.")
			p.until(`document.querySelectorAll(".own").length === 2`)
			bob.send("/msg anna Keep one for me?")
			p.sees("log", "privately to you")
			p.say("/msg bob I shall.")
			p.sees("log", "I shall.")
			p.picture(fmt.Sprintf("%s-%d", scheme, size.width))

			p.say("/help")
			p.sees("log", "/topic [TEXT]")
			p.say("/nick bob")
			p.sees("log", "is taken by")
			p.fill("line", strings.Repeat("wordwithoutend", 60))
			p.enter()
			p.fill("line", "/topic "+strings.Repeat("A topic that is too long for a phone ", 5))
			p.enter()
			p.sees("topic", "A topic")
			p.picture(fmt.Sprintf("long-%s-%d", scheme, size.width))
			p.fits(size.width)
			background := get[[]int](p, `getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number)`)
			require.Equal(t, scheme == "dark", background[0] < 100, "%v", background)
			require.Empty(t, get[[]string](p, contrastOfText), "text that is hard to read")
			if size.width < 500 {
				require.False(t, get[bool](p, `document.getElementById("side").checkVisibility()`))
				p.do(chromedp.Click("#show-side", chromedp.ByQuery))
				p.until(`document.getElementById("side").checkVisibility() && document.getElementById("people").innerText.includes("bob")`)
				p.picture("drawer-" + scheme)
				p.fits(size.width)
				require.Empty(t, get[[]string](p, contrastOfText), "text that is hard to read")
				p.do(chromedp.KeyEvent(kb.Escape))
				p.until(`!document.getElementById("side").checkVisibility() && document.activeElement.id === "show-side"`)
			}
			require.Empty(t, p.complaints())
		}
	}
}

func talkOfTheGarden(bob, zoe *terminal) {
	bob.send("/nick bob")
	bob.expect("You are bob now.")
	zoe.send("/nick Zoë")
	zoe.expect("You are Zoë now.")
	bob.send("/join garden")
	bob.send("/topic What to plant, and when")
	bob.send("The seeds have come: tomatoes, kale, two kinds of beans.")
	bob.send("Who has room on a window sill?")
	bob.expect("set the topic")
	zoe.send("/join garden")
	zoe.expect("You are in garden")
	zoe.send("I have. Here is when to sow what: https://example.org/calendar")
	zoe.send("/me fetches some soil")
	bob.expect("fetches some soil")
}

// fits checks that nothing can be scrolled sideways or hangs over the edge.
func (p *page) fits(width int64) {
	p.t.Helper()
	require.Equal(p.t, width, get[int64](p, `document.documentElement.clientWidth`))
	require.LessOrEqual(p.t, get[int64](p, `document.documentElement.scrollWidth`), width)
	require.LessOrEqual(p.t, get[int64](p, `document.getElementById("log").scrollWidth - document.getElementById("log").clientWidth`), int64(0))
	require.Empty(p.t, get[[]string](p, `[...document.querySelectorAll("button, input, textarea, .bubble, .entry")]
		.filter(e => e.checkVisibility() && (e.getBoundingClientRect().right > innerWidth + 0.5 || e.getBoundingClientRect().left < 0))
		.map(e => e.outerHTML)`))
}

// contrastOfText lists what is shown with less than the 4.5:1 that WCAG 2 asks
// for between a text and the nearest background behind it.
const contrastOfText = `(() => {
	const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
	const channels = (color) => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = color;
		canvas.fillRect(0, 0, 1, 1);
		return canvas.getImageData(0, 0, 1, 1).data;
	};
	const luminance = ([r, g, b]) => {
		const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
		return 0.2126 * x + 0.7152 * y + 0.0722 * z;
	};
	const bad = [];
	for (const element of document.querySelectorAll("body *")) {
		const words = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join("");
		if (!words || !element.checkVisibility() || element.closest(".unseen, noscript")) continue;
		let back = element;
		while (back && channels(getComputedStyle(back).backgroundColor)[3] === 0) back = back.parentElement;
		const [a, b] = [getComputedStyle(element).color, getComputedStyle(back ?? document.body).backgroundColor].map((c) => luminance(channels(c)));
		const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (contrast < 4.5) bad.push(contrast.toFixed(2) + " " + element.outerHTML.slice(0, 80));
	}
	return bad;
})()`

func browserStays(t *testing.T, browser context.Context) {
	lines, url := openChat(t)
	bob := callNetcat(t, lines)
	alice := openPage(t, browser, url, screen(800, 600, "light"))
	alice.entered("lobby")
	for i := range 60 {
		bob.send(fmt.Sprintf("line %d", i))
	}
	alice.sees("log", "line 59")
	const atEnd = `document.getElementById("log").scrollHeight - document.getElementById("log").scrollTop - document.getElementById("log").clientHeight < 2`
	alice.until(atEnd)

	alice.do(chromedp.Evaluate(`document.getElementById("log").scrollTop = 200`, nil))
	alice.until(`document.getElementById("log").scrollTop === 200`)
	// The page learns of it by an event, which comes with the next frame.
	alice.until(`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
	bob.send("news")
	bob.send("more news")
	alice.sees("newest", "2 new messages")
	require.Equal(t, 200, get[int](alice, `document.getElementById("log").scrollTop`))
	alice.do(chromedp.Click("#newest", chromedp.ByQuery))
	alice.until(atEnd)
	alice.until(`document.getElementById("newest").hidden`)
	bob.send("the last")
	alice.sees("log", "the last")
	alice.until(atEnd)
}

func browserKeys(t *testing.T, browser context.Context) {
	lines, url := openChat(t)
	bob := callNetcat(t, lines)
	alice := openPage(t, browser, url, screen(1000, 640, "light"))
	alice.entered("lobby")
	alice.until(`document.activeElement.id === "line"`)
	alice.until(`document.querySelectorAll("#rooms button").length === 1`)
	press := func(key string) {
		t.Helper()
		alice.do(chromedp.KeyEvent(key))
	}

	// The order is that of the page, each place can be seen, and none is a trap.
	var order []string
	for range 10 {
		press("\t")
		at := get[string](alice, `(document.activeElement.closest("[id]") ?? document.activeElement).id || "the browser's own"`)
		order = append(order, at)
		if at != "the browser's own" {
			require.NotEqual(t, "none", get[string](alice, `getComputedStyle(document.activeElement).outlineStyle`), order)
		}
	}
	require.Equal(t, []string{"composer", "help", "people", "rooms", "join-room", "join", "the browser's own", "rename", "log", "line"}, order)

	for _, line := range []string{"a", "b"} {
		press(line)
		alice.enter()
		bob.expect(": " + line + "\n")
	}
	press(kb.ArrowUp)
	press(kb.ArrowUp)
	require.Equal(t, "a", get[string](alice, `document.getElementById("line").value`))
	press(kb.ArrowDown)
	require.Equal(t, "b", get[string](alice, `document.getElementById("line").value`))
	press(kb.ArrowDown)
	require.Empty(t, get[string](alice, `document.getElementById("line").value`))

	// Typing anywhere is typing there, Escape goes there.
	alice.do(chromedp.Focus("#log", chromedp.ByQuery))
	press("x")
	require.Equal(t, "x", get[string](alice, `document.getElementById("line").value`))
	alice.do(chromedp.Focus("#rename", chromedp.ByQuery))
	press(kb.Escape)
	require.Equal(t, "line", get[string](alice, `document.activeElement.id`))

	// A text of several lines is sent as these.
	alice.fill("line", "one\n\n  two")
	alice.enter()
	bob.expect(": one\n")
	bob.expect(":   two\n")
	require.Empty(t, alice.complaints())
}
