package talk_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/gtkchat/talk"
	"github.com/glibserve/glibserve/examples/shared/listen"
)

func TestAGuestTalksThroughTheHost(t *testing.T) {
	h, addrs := host(t, "zoë")
	for i, addr := range addrs {
		guest, term := fmt.Sprintf("guestly%d", i), fmt.Sprintf("term%d", i)
		j := join(t, addr, guest)
		j.expect("notice : You are " + guest + " now")
		j.expectPeople(guest, "zoë")
		require.Equal(t, guest, j.room.Me)
		require.Equal(t, "lobby", j.room.Room)
		require.Equal(t, []string{addr.Network() + " " + addr.String()}, j.Places())

		alice := enter(t, addrs[0], term)
		j.expectPeople(guest, term, "zoë")
		j.Say("hello\n//slash\n/me waves")
		require.Equal(t, "said "+guest+"(own): hello", j.expect("said"))
		require.Equal(t, "said "+guest+"(own): /slash", j.expect("said"))
		require.Equal(t, "acted "+guest+"(own): waves", j.expect("acted"))
		alice.Expect("] " + guest + ": hello\n")
		alice.Expect("] " + guest + ": /slash\n")
		h.expect("said " + guest + ": hello")
		h.Say("welcome")
		require.Equal(t, "said zoë: welcome", j.expect("said"))

		j.Say("/msg zoë psst\n/topic soup\n/nick zoë\n/rooms")
		require.Equal(t, "private (own)>zoë: psst", j.expect("private"))
		require.Equal(t, "private "+guest+">zoë: psst", h.expect("private"))
		require.Contains(t, j.expect("problem"), "is taken")
		require.Equal(t, "soup", j.room.Topic)
		j.expect("answer :   lobby   3  soup")
		h.Say("/msg " + guest + " yes")
		require.Equal(t, "private zoë: yes", j.expect("private"))

		alice.Send("/quit\n")
		j.expect("notice : " + term + " left")
		j.expectPeople(guest, "zoë")
		j.Say("/quit so long")
		require.NoError(t, j.end(), "this person left")
		h.expect("notice : " + guest + " left: so long")
		h.Say("/topic -")
	}
}

func TestAGuestIsToldWhatIsNotSent(t *testing.T) {
	_, addrs := host(t, "zoë")
	j := join(t, addrs[0], "guest")
	j.expect("You are guest now")
	j.Say("bell \a\n" + strings.Repeat("x", 1001) + "\nfine")
	require.Equal(t, "problem : Not sent: that line contains a control character (U+0007).", j.expect("problem"))
	require.Equal(t, "problem : Not sent: that line has more than 1000 bytes.", j.expect("problem"))
	require.Equal(t, "said guest(own): fine", j.expect("said"))
}

func TestAGuestOfACrowdLearnsItsNames(t *testing.T) {
	h, addrs := host(t, "zoë")
	names := []string{"guest", "zoë"}
	for i := range 14 {
		name := fmt.Sprintf("a%02d", i)
		enter(t, addrs[1], name)
		names = append([]string{name}, names...)
	}
	j := join(t, addrs[1], "guest")
	for len(j.room.People) < len(names) {
		j.update("waiting for the names")
	}
	require.ElementsMatch(t, names, j.room.People)
	require.Zero(t, j.room.More)
	// What nobody asked for is not shown, what somebody asks for is.
	for _, line := range j.lines {
		require.NotContains(t, line, "In lobby")
	}
	j.Say("/who")
	j.expect("answer : In lobby (16): ")
	h.expect("guest")
}

func TestTheServersEndIsTold(t *testing.T) {
	h, addrs := host(t, "zoë")
	j := join(t, addrs[0], "guest")
	h.expectPeople("guest", "zoë")
	h.Close()
	j.expect("answer : The server is shutting down. Goodbye.")
	require.EqualError(t, j.end(), "the server ended the connection")
}

func TestAGuestClosesInGoodOrder(t *testing.T) {
	h, addrs := host(t, "zoë")
	j := join(t, addrs[0], "guest")
	h.expectPeople("guest", "zoë")
	j.Close()
	require.NoError(t, j.end())
	require.Equal(t, "notice : guest left", h.expect("left"))

	j2, err := talk.Join(t.Context(), listen.Address{Network: "tcp", Address: addrs[0].String()}, "")
	require.NoError(t, err)
	j2.Close() // it never ran
	h.expect("left")
}

func TestAnyServerOfLinesCanBeJoined(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	heard := make(chan string, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "220 odd \x1b[31m\x00 caf\xe9\r\n\n")
		line, _ := bufio.NewReader(conn).ReadString('\n')
		heard <- line
		fmt.Fprint(conn, strings.Repeat("x", 70_000)+"\n")
	}()
	j := join(t, ln.Addr(), "")
	require.Equal(t, "answer : 220 odd \ufffd[31m\ufffd caf\ufffd", j.expect("answer"))
	j.Say("hello")
	require.Equal(t, "hello\n", <-heard)
	require.EqualError(t, j.end(), "the server sent a line of more than 65536 bytes")
}

func TestJoinSaysWhyNot(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := listen.Address{Network: "tcp", Address: ln.Addr().String()}
	ln.Close()
	_, err = talk.Join(t.Context(), nobody, "")
	require.EqualError(t, err, "cannot join tcp "+nobody.Address+": nobody is listening there")

	path := t.TempDir() + "/s"
	_, err = talk.Join(t.Context(), listen.Address{Network: "unix", Address: path}, "")
	require.EqualError(t, err, "cannot join unix "+path+": there is no socket at that path")
}
