package main

import (
	"strings"

	gotkglib "github.com/diamondburned/gotk4/pkg/glib/v2"

	"github.com/glibserve/glibserve/examples/dbus/peer"
)

const (
	objectPath = "/com/example/Greeter"

	introspection = `
<node>
  <interface name="com.example.Greeter">
    <method name="Greet">
      <arg name="name" type="s" direction="in"/>
      <arg name="greeting" type="s" direction="out"/>
    </method>
    <property name="Word" type="s" access="readwrite"/>
    <property name="Count" type="u" access="read"/>
    <signal name="Greeted">
      <arg name="greeting" type="s"/>
    </signal>
  </interface>
</node>`
)

// greeter is the object that all peers call. Everything happens on the loop's
// thread, so it needs no lock.
type greeter struct {
	word  string
	count uint32
	peers map[*peer.Peer]struct{}
}

var _ peer.Object = (*greeter)(nil)

func newGreeter() *greeter { return &greeter{word: "Hello", peers: make(map[*peer.Peer]struct{})} }

func (g *greeter) Call(method string, parameters *gotkglib.Variant) (*gotkglib.Variant, error) {
	name := parameters.ChildValue(0).String() // Greet is the only method
	if strings.TrimSpace(name) == "" {
		return nil, &peer.Error{Name: "org.freedesktop.DBus.Error.InvalidArgs", Message: "somebody without a name cannot be greeted"}
	}
	g.count++
	greeting := g.word + ", " + name + "!"
	for p := range g.peers {
		// Made anew for each: a GVariant of gotk4 is floating, and its first
		// user takes it.
		p.Emit("Greeted", tuple(greeting))
		p.Changed("Count", g.Get("Count"))
	}
	return tuple(greeting), nil
}

func tuple(s string) *gotkglib.Variant {
	return gotkglib.NewVariantTuple([]*gotkglib.Variant{gotkglib.NewVariantString(s)})
}

func (g *greeter) Get(property string) *gotkglib.Variant {
	if property == "Count" {
		return gotkglib.NewVariantUint32(g.count)
	}
	return gotkglib.NewVariantString(g.word)
}

func (g *greeter) Set(_ string, value *gotkglib.Variant) error { // Word is the only one that can be set
	word := value.String()
	if strings.TrimSpace(word) == "" {
		return &peer.Error{Message: "an empty word is no greeting"}
	}
	g.word = word
	for p := range g.peers {
		p.Changed("Word", g.Get("Word"))
	}
	return nil
}

func (g *greeter) Joined(p *peer.Peer) { g.peers[p] = struct{}{} }
func (g *greeter) Left(p *peer.Peer)   { delete(g.peers, p) }
