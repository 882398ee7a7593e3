package hub_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

func TestCheckNameAgreesWithNick(t *testing.T) {
	h := hub.New(hub.Config{})
	c, err := h.Enter(t.Context(), hub.Origin{})
	require.NoError(t, err)
	defer c.Close()
	for _, nick := range []string{"zoë", "Ανδρέας", "a_b-c", "two words", "", "-x", "аlice", strings.Repeat("x", 21)} {
		c.Input("/nick " + nick)
		require.Equal(t, c.Nick() == nick, hub.CheckName(nick) == nil, "%q", nick)
	}
}

func TestCheckLineAgreesWithInput(t *testing.T) {
	require.NoError(t, hub.CheckLine("a\ttab and "+strings.Repeat("x", hub.MaxLine-10)))
	require.ErrorIs(t, hub.CheckLine(strings.Repeat("x", hub.MaxLine+1)), hub.ErrLineTooLong)
	require.ErrorContains(t, hub.CheckLine("bell \a"), "U+0007")
	require.ErrorContains(t, hub.CheckLine("caf\xe9"), "not valid UTF-8")
}
