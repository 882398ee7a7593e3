package hub

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mtibben/confusables"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
)

// maxName is the length of the longest nickname or room name, in characters.
const maxName = 20

// name is a nickname or the name of a room: how it is shown, and what it is
// compared by, so that Zoë, ZOË and the same in another Unicode spelling are
// one name.
type name struct{ shown, key string }

// parseName checks a name that a client chose. It takes the letters of any
// language, because that is what people's names are written in, but refuses
// what would make one name look like another or like a line of the server.
func parseName(s string) (name, error) {
	if s == "" {
		return name{}, errors.New("it is empty")
	}
	// First, so that the rest works on little.
	if utf8.RuneCountInString(s) > maxName {
		return name{}, fmt.Errorf("it has more than %d characters", maxName)
	}
	for i, r := range s {
		switch {
		case unicode.IsLetter(r), unicode.IsMark(r) && i > 0, unicode.IsDigit(r):
		case (r == '-' || r == '_') && i > 0:
		case r == '-' || r == '_':
			return name{}, errors.New("it must begin with a letter or a digit")
		default:
			return name{}, fmt.Errorf("it contains %q: letters, digits, - and _ are what a name is made of", r)
		}
	}
	if mixesAlphabets(s) {
		return name{}, errors.New("it mixes letters of several alphabets that look alike")
	}
	shown, err := precis.UsernameCasePreserved.String(s)
	if err != nil {
		return name{}, errors.New("it contains a character that names must not have")
	}
	key, err := precis.UsernameCaseMapped.CompareKey(s)
	if err != nil {
		return name{}, errors.New("it contains a character that names must not have")
	}
	return name{shown: shown, key: key}, nil
}

// parseNick checks a nickname. Those that look alike are one: coco, and what looks
// like it in Cyrillic.
func parseNick(s string) (name, error) {
	n, err := parseName(s)
	n.key = skeleton(n.key)
	return n, err
}

// skeleton is what a key is mistaken for: every letter but those of ASCII gives
// way to the one that it looks like (Unicode Technical Standard 39). ASCII's stay,
// or tom and torn would be one name.
func skeleton(key string) string {
	var b strings.Builder
	for _, r := range norm.NFC.String(key) {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			b.WriteString(confusables.Skeleton(string(r)))
		}
	}
	return norm.NFC.String(b.String())
}

// lookalikes are the alphabets with letters that cannot be told from those of
// another one, such as the a of Latin and that of Cyrillic.
var lookalikes = []*unicode.RangeTable{
	unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee, unicode.Coptic,
}

func mixesAlphabets(s string) bool {
	seen := 0
	for _, table := range lookalikes {
		if strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(table, r) }) {
			seen++
		}
	}
	return seen > 1
}
