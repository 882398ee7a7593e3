package hub

import (
	"fmt"
	"strings"
)

// Command is a line of the help.
type Command struct {
	Usage string // "/join ROOM"
	Does  string

	run func(h *Hub, c *Client, args string)
}

// commands is in the order in which /help shows it.
var commands = []Command{
	{"/nick NAME", "call yourself NAME", (*Hub).setNick},
	{"/me ACTION", "say what you do: /me yawns", (*Hub).act},
	{"/msg NAME TEXT", "tell one person something, in whichever room", (*Hub).tell},
	{"/join ROOM", "go to another room; it is made when there is none", (*Hub).join},
	{"/leave", "go back to the lobby", (*Hub).leave},
	{"/rooms", "list the rooms", (*Hub).listRooms},
	{"/who [ROOM]", "list who is here, or in ROOM", (*Hub).who},
	{"/topic [TEXT]", "show or set the topic of the room; /topic - takes it away", (*Hub).setTopic},
	{"/help", "show this", (*Hub).help},
	{"/quit [WORDS]", "leave, with a last word if you like", (*Hub).quit},
}

// Commands are what can be typed, for a door that shows Help. A line that
// begins with two slashes is said, with one.
func Commands() []Command { return commands }

// run carries out one line.
func (c *Client) run(line string) {
	h := c.hub
	h.mu.Lock()
	defer h.unlock()
	if c.left {
		return
	}
	if err := checkText(line); err != nil {
		c.problem("Not sent: %v.", err)
		return
	}
	line = strings.TrimRight(line, " \t")
	switch {
	case line == "":
	case strings.HasPrefix(line, "//"):
		h.say(c, Said, line[1:])
	case strings.HasPrefix(line, "/"):
		word, args, _ := strings.Cut(line, " ")
		h.command(c, word, strings.TrimLeft(args, " \t"))
	default:
		h.say(c, Said, line)
	}
}

func (h *Hub) command(c *Client, word, args string) {
	for i := range commands {
		usage, _, _ := strings.Cut(commands[i].Usage, " ")
		if strings.EqualFold(usage, word) {
			commands[i].run(h, c, args)
			return
		}
	}
	c.problem("%s is not a command; /help lists them, and a line that should begin with / is written with //.", clip(word))
}

// say tells the room something and keeps it. h.mu is held, as by all below.
func (h *Hub) say(c *Client, kind Kind, text string) {
	h.keepTalk(c.room, &Event{Kind: kind, From: c.nick.shown, SenderID: c.id, Text: text})
	h.hand(c, kind, text)
}

// keepTalk tells a room something and keeps it.
func (h *Hub) keepTalk(r *room, e *Event) {
	h.broadcast(r, e)
	r.remember(e, h.cfg.History)
}

func (h *Hub) act(c *Client, text string) {
	if text == "" {
		c.problem("Say what you do: /me yawns")
		return
	}
	h.say(c, Acted, text)
}

func (h *Hub) setNick(c *Client, args string) {
	if args == "" {
		c.problem("Your nickname is %s; /nick NAME takes another.", c.nick.shown)
		return
	}
	n, err := parseNick(args)
	if err != nil {
		c.problem("The nickname %s will not do: %v.", clip(args), err)
		return
	}
	if n == c.nick {
		c.problem("You are %s already.", n.shown)
		return
	}
	if other := h.nicks[n.key]; other != nil && other != c {
		where := "who is here"
		if other.server != nil {
			where = "on another server"
		}
		c.problem("The nickname %s is taken by somebody %s.", other.nick.shown, where)
		return
	}
	if n.key != c.claimed.key {
		h.release(c)
		h.nicks[n.key], c.since = c, nanoseconds()
	}
	c.claimed = n
	h.show(c, n)
	h.hand(c, Renamed, "")
}

func (h *Hub) tell(c *Client, args string) {
	to, text, _ := strings.Cut(args, " ")
	text = strings.TrimLeft(text, " \t")
	if to == "" || text == "" {
		c.problem("Say to whom, and what: /msg NAME TEXT")
		return
	}
	var other *Client
	if n, err := parseNick(to); err == nil {
		other = h.nicks[n.key]
	}
	switch {
	case other == nil:
		c.problem("Nobody here is called %s.", clip(to))
	case other == c:
		c.problem("That is you.")
	case other.server != nil && !h.cfg.Link.Private(other.server.id, PrivateText{From: c.id, To: other.person, Text: text}):
		c.problem("Not sent: %s is on another server, and the link to it is down.", other.nick.shown)
	default:
		e := &Event{Kind: Private, From: c.nick.shown, SenderID: c.id, To: other.nick.shown, Text: text}
		h.send(other, e)
		h.push(c, e)
	}
}

func (h *Hub) join(c *Client, args string) {
	// Many know #room from IRC.
	args = strings.TrimPrefix(args, "#")
	if args == "" {
		c.problem("Say which room: /join ROOM")
		return
	}
	n, err := parseName(args)
	if err != nil {
		c.problem("There can be no room %s: %v.", clip(args), err)
		return
	}
	if h.rooms[n.key] == c.room {
		c.problem("You are in %s already.", c.room.name.shown)
		return
	}
	h.enter(c, h.findRoom(n))
}

func (h *Hub) leave(c *Client, _ string) {
	if c.room == h.lobby {
		c.problem("You are in %s; /quit leaves the server.", h.lobby.name.shown)
		return
	}
	h.enter(c, h.lobby)
}

func (h *Hub) listRooms(c *Client, _ string) {
	infos := h.roomInfos()
	shown := infos[:min(len(infos), maxListed)]
	h.send(c, &Event{Kind: Rooms, Rooms: shown, More: len(infos) - len(shown)})
}

func (h *Hub) who(c *Client, args string) {
	r := c.room
	if args = strings.TrimPrefix(args, "#"); args != "" {
		n, _ := parseName(args)
		if r = h.rooms[n.key]; r == nil {
			c.problem("There is no room %s.", clip(args))
			return
		}
	}
	h.send(c, &Event{Kind: Who, Room: r.name.shown, People: len(r.members), Names: r.names()})
}

// maxTopic keeps a topic to what fits beside the name of its room.
const maxTopic = 200

func (h *Hub) setTopic(c *Client, text string) {
	switch {
	case text == "":
		h.send(c, &Event{Kind: Topic, Room: c.room.name.shown, Text: c.room.topic})
		return
	case text == "-":
		text = ""
	case len(text) > maxTopic:
		c.problem("A topic has at most %d bytes; that one has %d.", maxTopic, len(text))
		return
	}
	if text == c.room.topic {
		c.problem("The topic is that already.")
		return
	}
	c.room.topic = text
	h.recount()
	// After the one that it replaces, even if that came from a clock that is ahead.
	c.room.topicSet = topicStamp{max(nanoseconds(), c.room.topicSet.at+1), h.cfg.Server}
	h.say(c, TopicSet, text)
}

func (h *Hub) help(c *Client, _ string) { h.send(c, &Event{Kind: Help}) }

func (h *Hub) quit(c *Client, words string) {
	h.remove(c, words, fmt.Sprintf("Goodbye, %s.", c.nick.shown))
	c.reason = "quit" // what people say is not for the log
}

// problem tells the client that something did not go. hub.mu is held.
func (c *Client) problem(format string, args ...any) {
	c.hub.send(c, &Event{Kind: Problem, Text: fmt.Sprintf(format, args...)})
}

// clip shortens what a client typed, before it is repeated back to it.
func clip(s string) string {
	const most = 40
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most]) + "..."
}
