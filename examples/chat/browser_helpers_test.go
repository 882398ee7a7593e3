package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/servertest"
)

// startBrowser starts a Chromium without a window. Each page has a profile of
// its own in it.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	path := need(t, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
	// The browser's own processes may write to it a moment longer than it lives,
	// which TempDir would take for a failure.
	dir, err := os.MkdirTemp("", "browser") //nolint:usetesting // for that reason
	require.NoError(t, err)
	t.Cleanup(func() {
		require.Eventually(t, func() bool { return os.RemoveAll(dir) == nil }, servertest.Patience, 10*time.Millisecond)
	})
	allocator, cancel := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path),
		chromedp.UserDataDir(dir),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), // it is small in containers
		chromedp.Flag("lang", "en-GB"),
		chromedp.Flag("force-color-profile", "srgb"),
	)
	t.Cleanup(cancel)
	browser, end := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {})) // it is newer than chromedp, and says things that that does not know
	t.Cleanup(end)
	require.NoError(t, chromedp.Run(browser), "the browser does not start")
	return browser
}

// page is a tab, as a person uses it.
type page struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	requests []string // the addresses that it asked for
	errors   []string // exceptions, and what the browser complains of
}

// openPage opens an address in a fresh profile.
func openPage(t *testing.T, browser context.Context, url string, before ...chromedp.Action) *page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithTargetID(newProfile(t, browser)))
	t.Cleanup(cancel)
	ctx, stop := context.WithTimeout(ctx, 4*servertest.Patience)
	t.Cleanup(stop)
	p := &page{t: t, ctx: ctx}
	chromedp.ListenTarget(ctx, p.note)
	p.do(append([]chromedp.Action{network.Enable(), log.Enable()}, before...)...)
	p.do(chromedp.Navigate(url))
	t.Cleanup(func() {
		if t.Failed() {
			var text string
			_ = chromedp.Run(ctx, chromedp.Evaluate(`document.body.innerText`, &text))
			t.Logf("the page:\n%s\nerrors: %q", text, p.complaints())
			p.picture("failed-" + filepath.Base(t.Name()))
		}
	})
	return p
}

// newProfile makes a tab that shares nothing with the others. chromedp's own
// WithNewBrowserContext asks for no window, without which newer browsers
// refuse.
func newProfile(t *testing.T, browser context.Context) target.ID {
	t.Helper()
	ctx := cdp.WithExecutor(browser, chromedp.FromContext(browser).Browser)
	profile, err := target.CreateBrowserContext().Do(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { _ = target.DisposeBrowserContext(profile).Do(ctx) })
	tab, err := target.CreateTarget("about:blank").WithBrowserContextID(profile).WithNewWindow(true).Do(ctx)
	require.NoError(t, err)
	return tab
}

func (p *page) note(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	case *network.EventWebSocketCreated:
		p.requests = append(p.requests, e.URL)
	case *runtime.EventExceptionThrown:
		p.errors = append(p.errors, e.ExceptionDetails.Error())
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning {
			p.errors = append(p.errors, e.Entry.Text)
		}
	}
}

func (p *page) complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.errors...)
}

func (p *page) do(actions ...chromedp.Action) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Run(p.ctx, actions...))
}

// until waits until a JavaScript expression is true.
func (p *page) until(expression string) {
	p.t.Helper()
	err := chromedp.Run(p.ctx, chromedp.Poll(expression, nil, chromedp.WithPollingTimeout(servertest.Patience)))
	require.NoError(p.t, err, "waiting for %s", expression)
}

// get is the value of a JavaScript expression.
func get[T any](p *page, expression string) T {
	p.t.Helper()
	var value T
	require.NoError(p.t, chromedp.Run(p.ctx, chromedp.Evaluate(expression, &value)), expression)
	return value
}

// quoted is a JavaScript string.
func quoted(s string) string { return fmt.Sprintf("%q", s) }

// sees waits until a text is shown in the element of that ID.
func (p *page) sees(id, text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("document.getElementById(%s).innerText.includes(%s)", quoted(id), quoted(text)))
}

// entered waits until the page is in a room.
func (p *page) entered(room string) {
	p.t.Helper()
	p.until(fmt.Sprintf(`document.getElementById("state").dataset.state === "open" && document.getElementById("room").textContent === %s`, quoted(room)))
}

// enter presses Enter. chromedp's own way types the character beside the key,
// even for a page that takes the key for something else.
func (p *page) enter() {
	p.t.Helper()
	event := input.DispatchKeyEvent(input.KeyDown).WithKey("Enter").WithCode("Enter").WithWindowsVirtualKeyCode(13).WithText("\r")
	up := *event
	up.Type, up.Text = input.KeyUp, ""
	p.do(event, &up)
}

// say types a line and presses Enter, key by key.
func (p *page) say(line string) {
	p.t.Helper()
	p.do(chromedp.SendKeys("#line", line, chromedp.ByQuery))
	p.enter()
}

// fill replaces what is in a field, as a paste would.
func (p *page) fill(id, text string) {
	p.t.Helper()
	p.do(chromedp.Evaluate(fmt.Sprintf(`{
		const field = document.getElementById(%s);
		field.value = %s;
		field.dispatchEvent(new Event("input"));
	}`, quoted(id), quoted(text)), nil))
}

// isNow takes a name in the dialog.
func (p *page) isNow(name string) {
	p.t.Helper()
	p.do(chromedp.Click("#rename", chromedp.ByQuery))
	p.until(`document.activeElement.id === "name"`)
	p.fill("name", "")
	p.do(chromedp.SendKeys("#name", name, chromedp.ByQuery))
	p.enter()
}

// screen is what a page is shown on.
func screen(width, height int64, scheme string) chromedp.Action {
	return chromedp.Tasks{
		emulation.SetDeviceMetricsOverride(width, height, 1, width < 500),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
	}
}

// picture saves what the page looks like, for a person, in the directory that
// GLIBSERVE_SCREENSHOTS names.
func (p *page) picture(name string) {
	p.t.Helper()
	dir := os.Getenv("GLIBSERVE_SCREENSHOTS")
	if dir == "" {
		return
	}
	var png []byte
	p.do(chromedp.CaptureScreenshot(&png))
	require.NoError(p.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
}
