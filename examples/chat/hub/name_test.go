package hub_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

func TestNicknamesThatWillNotDo(t *testing.T) {
	h := hub.New(hub.Config{})
	p := enter(t, h)
	named(t, h, "Zoë")
	for range 2 {
		p.next()
	}
	for nick, reason := range map[string]string{
		"":                      "Your nickname is guest1",
		"-dash":                 "must begin with a letter or a digit",
		"_under":                "must begin with a letter or a digit",
		"two words":             "it contains ' '",
		"a:b":                   "it contains ':'",
		"a\tb":                  `it contains '\t'`,
		"#room":                 "it contains '#'",
		"<b>":                   "it contains '<'",
		"zero\u200bwidth":       `it contains '\u200b'`,
		"rtl\u202e":             `it contains '\u202e'`,
		"smile🙂":                "it contains '🙂'",
		"\u0301x":               "it contains",
		"gu\u0435st":            "mixes letters of several alphabets", // Cyrillic е
		"ﬁsh":                   "must not have",                      // a ligature, which is the same as fi
		strings.Repeat("x", 21): "more than 20 characters",
		"zoë":                   "taken by somebody who is here",
		"ZOË":                   "The nickname Zoë is taken",
		"Zoe\u0308":             "taken", // the same name, in two characters
		"guest1":                "You are guest1 already",
	} {
		p.problem("/nick "+nick, reason)
	}
	require.Equal(t, "guest1", p.Nick())
}

func TestNicknamesThatWillDo(t *testing.T) {
	p := enter(t, hub.New(hub.Config{}))
	for _, nick := range []string{
		"bob", "Bob", "b", "4ever", "a-b_c", "Jürgen", "Ольга", "Ελένη", "李小龍", "ひらカタ漢", "अनिल", "דנה", "علي",
		strings.Repeat("é", 20),
	} {
		p.Input("/nick " + nick)
		require.Equal(t, nick, p.expect(hub.Renamed).To, nick)
	}
}

// One alphabet is enough to look like another.
func TestNamesThatLookAlikeAreOne(t *testing.T) {
	for taken, same := range map[string]string{
		"coco": "\u0441\u043e\u0441\u043e", // Cyrillic
		"Ape":  "\u0430\u0440\u0435",
		"ovo":  "\u03bf\u03bd\u03bf", // Greek
	} {
		h := hub.New(hub.Config{})
		named(t, h, taken)
		enter(t, h).problem("/nick "+same, "taken")
	}
	h := hub.New(hub.Config{})
	for _, nick := range []string{"tom", "torn", "modern", "modem", "10", "lo", "zoe", "zo\u00eb"} {
		named(t, h, nick)
	}
}

func TestANameIsFreeAgainWhenItsOwnerLeft(t *testing.T) {
	h := hub.New(hub.Config{})
	alice, bob := named(t, h, "alice"), named(t, h, "bob")
	alice.Input("/nick carol")
	bob.expect(hub.Renamed)
	bob.Input("/nick ALICE")
	require.Equal(t, "ALICE", bob.expect(hub.Renamed).To)
	bob.Close()
	require.Equal(t, "alice", named(t, h, "alice").Nick())
}

func TestEverybodyInTheRoomLearnsOfANewName(t *testing.T) {
	h := hub.New(hub.Config{})
	alice, bob := named(t, h, "alice"), enter(t, h)
	bob.Input("/nick bob")
	alice.expect(hub.Joined)
	e := alice.expect(hub.Renamed)
	require.Equal(t, "guest2", e.From)
	require.Equal(t, "bob", e.To)
	require.Equal(t, bob.ID(), e.SenderID)
}
