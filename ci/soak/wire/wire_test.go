package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/ci/soak/wire"
)

func TestHeaderAndReplyComeBack(t *testing.T) {
	h := wire.Header{Kind: wire.Bulk, Mode: wire.Echo, Abandon: true, Seed: 7, Up: wire.UntilEnd, Down: 9}
	b := make([]byte, wire.HeaderSize)
	h.Put(b)
	got, err := wire.ReadHeader(b)
	require.NoError(t, err)
	require.Equal(t, h, got)

	r := wire.Reply{Bytes: 1 << 40, CRC: 5}
	c := make([]byte, wire.ReplySize)
	r.Put(c)
	back, err := wire.ReadReply(c)
	require.NoError(t, err)
	require.Equal(t, r, back)

	for i := range b {
		b[i] ^= 1
		_, err := wire.ReadHeader(b)
		require.ErrorIs(t, err, wire.ErrGarbage, "byte %d", i)
		b[i] ^= 1
	}
	for i := range c {
		c[i] ^= 1
		_, err := wire.ReadReply(c)
		require.Error(t, err, "byte %d", i)
		c[i] ^= 1
	}
}

// However a stream is cut into pieces, it is the same one.
func TestStreamIsTheSameInEveryPiece(t *testing.T) {
	whole := make([]byte, 1000)
	all := wire.Header{Seed: 3}.UpStream()
	all.Fill(whole)
	for piece := 1; piece < 40; piece++ {
		fill, check := wire.Header{Seed: 3}.UpStream(), wire.Header{Seed: 3}.UpStream()
		for off := 0; off < len(whole); off += piece {
			end := min(off+piece, len(whole))
			b := make([]byte, end-off)
			fill.Fill(b)
			require.Equal(t, whole[off:end], b)
			require.True(t, check.Check(b))
		}
		require.Equal(t, all.Reply(), fill.Reply())
		require.Equal(t, all.Reply(), check.Reply())
	}
}

func TestStreamShowsWhatIsLostDoubledOrChanged(t *testing.T) {
	whole := make([]byte, 256)
	wire.Header{Seed: 3}.UpStream().Fill(whole)
	for i := range 128 {
		changed := append([]byte(nil), whole...)
		changed[i] ^= 0x10
		lost := append(append([]byte(nil), whole[:i]...), whole[i+1:]...)
		doubled := append(append([]byte(nil), whole[:i+1]...), whole[i:]...)
		for _, b := range [][]byte{changed, lost, doubled} {
			require.False(t, wire.Header{Seed: 3}.UpStream().Check(b), "byte %d", i)
		}
	}
	require.False(t, wire.Header{Seed: 3}.DownStream().Check(whole[:8]), "the other direction has other bytes")
}
