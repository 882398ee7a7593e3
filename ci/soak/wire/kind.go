package wire

// Kind is a kind of client.
type Kind uint8

const (
	Short      Kind = iota // connects, sends a little, gets a little
	Long                   // many rounds of echo on one connection
	Bulk                   // megabytes in both directions, one after the other
	HalfClose              // closes its half, then takes what comes
	SlowRead               // takes what it asked for in small pieces, with pauses
	SlowWrite              // sends in small pieces, with pauses
	Idle                   // says nothing for a long time, then works as before
	Flood                  // one of a burst of connects
	Doomed                 // its handler panics
	Silent                 // connects and leaves without a word
	Garbage                // sends what is no header
	Reset                  // leaves in the middle with a reset (SO_LINGER 0)
	Vanish                 // leaves in the middle, with bytes unread and unsent
	Stalled                // stops in the middle of a TLS handshake
	Underneath             // its connection is closed by GIO code, under the library
	Kinds                  // how many there are
)

var kindNames = [Kinds]string{"short", "long", "bulk", "half-close", "slow-read", "slow-write", "idle", "flood", "panic",
	"silent", "garbage", "reset", "vanish", "stalled", "gio-close"}

func (k Kind) String() string { return kindNames[k] }

// ServerName is what the certificate of a service with TLS is for.
const ServerName = "soak.test"

// Count is what one side has seen of one kind.
type Count struct {
	Conns   uint64 // connections begun
	Done    uint64 // that ended as they should
	Up      uint64 // bytes from the client that were checked by the server, or sent by the client
	Down    uint64 // bytes to the client
	Lost    uint64 // connections, or bytes of one, that were lost
	Corrupt uint64 // connections with wrong bytes
	Excused uint64 // cut by a Close of the service that this was told of
	Retried uint64 // refused before they were accepted: service closed, or its queue full
}

// Add adds o.
func (c *Count) Add(o Count) {
	c.Conns += o.Conns
	c.Done += o.Done
	c.Up += o.Up
	c.Down += o.Down
	c.Lost += o.Lost
	c.Corrupt += o.Corrupt
	c.Excused += o.Excused
	c.Retried += o.Retried
}

// Counts are those of every kind.
type Counts [Kinds]Count

// Total is their sum.
func (c Counts) Total() (t Count) {
	for _, k := range c {
		t.Add(k)
	}
	return t
}
