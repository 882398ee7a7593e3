package window

import (
	"hash/fnv"
	"time"

	"github.com/diamondburned/gotk4/pkg/gtk/v4"

	"github.com/glibserve/glibserve/examples/gtkchat/talk"
	"github.com/glibserve/glibserve/glibloop"
)

const (
	// maxParagraphs is how much of the conversation is kept to scroll back in,
	// and dropped how much goes at once when it is more.
	maxParagraphs, dropped = 5000, 1000

	// together is how long one person's lines go without a new heading.
	together = 5 * time.Minute
)

// messages is what was said, in one text view.
type messages struct {
	widget *gtk.ScrolledWindow
	buffer *gtk.TextBuffer
	tags   map[string]*gtk.TextTag

	// follow tells that the newest is to be seen: it is, unless the person
	// scrolled up to read.
	follow bool

	last talk.Line // what the newest heading is of; zero: none
}

func newMessages() *messages {
	m := &messages{tags: make(map[string]*gtk.TextTag), follow: true}
	table := gtk.NewTextTagTable()
	for _, style := range styles() {
		tag := gtk.NewTextTag(style.name)
		for property, value := range style.properties {
			tag.SetObjectProperty(property, value)
		}
		table.Add(tag)
		m.tags[style.name] = tag
	}
	m.buffer = gtk.NewTextBuffer(table)
	view := gtk.NewTextViewWithBuffer(m.buffer)
	view.SetEditable(false)
	view.SetCursorVisible(false)
	view.SetWrapMode(gtk.WrapWordChar)
	view.SetTopMargin(8)
	view.SetBottomMargin(12)
	view.SetLeftMargin(16)
	view.SetRightMargin(16)

	end := gtk.NewAdjustment(0, 0, 0, 0, 0, 0)
	m.keepAtEnd(end)
	m.widget = gtk.NewScrolledWindow()
	m.widget.SetVAdjustment(end)
	m.widget.SetPolicy(gtk.PolicyNever, gtk.PolicyAutomatic)
	m.widget.SetVExpand(true)
	m.widget.SetChild(view)
	return m
}

// keepAtEnd scrolls to the newest whenever there is more, or less room for it.
// Its handlers have to be the adjustment's first: the text view's lay out more
// text when the value changes, and then the end is elsewhere.
func (m *messages) keepAtEnd(a *gtk.Adjustment) {
	var upper, page float64 // when the text was last laid out
	var queued bool
	toEnd := func() {
		queued = false
		if m.follow {
			a.SetValue(a.Upper() - a.PageSize())
		}
	}
	a.ConnectValueChanged(func() {
		// While the text is laid out, the value moves as well: only with nothing
		// else changed is it the person who scrolls.
		const nearly = 4 // pixels
		if a.Upper() == upper && a.PageSize() == page {
			m.follow = a.Value()+page >= upper-nearly
		}
	})
	a.ConnectChanged(func() {
		upper, page = a.Upper(), a.PageSize()
		// Later, because in the middle of its layout the text view would take the
		// value back.
		if m.follow && !queued {
			queued = true
			_ = glibloop.Default().Post(toEnd)
		}
	})
}

func (m *messages) add(lines []talk.Line) {
	for _, line := range lines {
		m.addLine(line)
	}
	if n := m.buffer.LineCount(); n > maxParagraphs {
		if to, ok := m.buffer.IterAtLine(n - maxParagraphs + dropped); ok {
			m.buffer.Delete(m.buffer.StartIter(), to)
		}
	}
}

// span is a piece of text in one style.
type span struct {
	text string
	tags []string
}

func (m *messages) addLine(line talk.Line) {
	clock := span{"   " + line.At.Format("15:04"), []string{"clock"}}
	switch line.Kind {
	case talk.Said:
		m.heading(line, clock, span{line.From, []string{"name", colour(line.From)}})
		m.paragraph("body", span{text: line.Text})
	case talk.Private:
		between := span{line.From + " to you, in private", []string{"name", colour(line.From)}}
		if line.Own {
			between = span{"you to " + line.To + ", in private", []string{"name", colour(line.To)}}
		}
		m.heading(line, clock, between)
		m.paragraph("body", span{line.Text, []string{"private"}})
	case talk.Acted:
		m.last = talk.Line{}
		m.paragraph("action", span{line.From, []string{"name", colour(line.From)}}, span{" " + line.Text, []string{"private"}}, clock)
	case talk.Notice:
		m.last = talk.Line{}
		m.paragraph("notice", span{text: line.Text})
	case talk.Answer:
		m.last = talk.Line{}
		m.paragraph("answer", span{text: line.Text})
	case talk.Problem:
		m.last = talk.Line{}
		m.paragraph("problem", span{text: line.Text})
	}
}

// heading says who speaks and when, unless that did so just before.
func (m *messages) heading(line talk.Line, clock, who span) {
	if m.last.From == line.From && m.last.To == line.To && m.last.Kind == line.Kind &&
		!m.last.At.IsZero() && line.At.Sub(m.last.At) < together {
		return
	}
	m.last = line
	m.paragraph("heading", who, clock)
}

// paragraph appends one, in a style of its own beside those of its spans.
func (m *messages) paragraph(style string, spans ...span) {
	end := m.buffer.EndIter()
	if m.buffer.CharCount() > 0 {
		m.buffer.Insert(end, "\n")
	}
	start := end.Offset()
	for _, s := range spans {
		from := end.Offset()
		m.buffer.Insert(end, s.text)
		for _, tag := range s.tags {
			m.buffer.ApplyTag(m.tags[tag], m.buffer.IterAtOffset(from), end)
		}
	}
	m.buffer.ApplyTag(m.tags[style], m.buffer.IterAtOffset(start), end)
}

// colour is the style of a person's name: always the same for the same name.
func colour(name string) string {
	h := fnv.New32a()
	h.Write([]byte(name))
	return colourName(int(h.Sum32() % uint32(len(nameColours))))
}
