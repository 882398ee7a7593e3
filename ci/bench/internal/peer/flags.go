package peer

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/glibserve/glibserve/examples/shared/listen"
	"github.com/glibserve/glibserve/examples/shared/program"
)

// Options are the flags of a peer: -listen, as the examples have it, -work,
// -handler, and for those that speak TLS -tls-cert, -tls-key and -crypto-tls.
type Options struct {
	Address listen.Address
	Work    Work

	CertFile, KeyFile string // "": no TLS
	CryptoTLS         bool   // TLS by crypto/tls also where there is another
}

// OverTLS is crypto/tls over a listener, or the listener itself without TLS.
func (o *Options) OverTLS(ln net.Listener) (net.Listener, error) {
	if o.CertFile == "" {
		return ln, nil
	}
	pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
	if err != nil {
		return nil, err
	}
	return tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{pair}}), nil
}

// Parse reads them; with done, the program ends with status.
func Parse(name, about string, args []string, stdout, stderr io.Writer) (opts Options, status int, done bool) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	addresses := listen.Default("tcp:127.0.0.1:0")
	flags.Var(addresses, "listen", "`address` to listen on: tcp:HOST:PORT")
	work := flags.String("work", "echo", "what to do with a connection: echo, sink or source")
	handler := flags.String("handler", "1k", "how to echo: 1k or 64k (Read and Write with that buffer), bufio or copy (io.Copy)")
	flags.StringVar(&opts.CertFile, "tls-cert", "", "`file` with a certificate in PEM, for TLS")
	flags.StringVar(&opts.KeyFile, "tls-key", "", "`file` with its key")
	flags.BoolVar(&opts.CryptoTLS, "crypto-tls", false, "TLS by crypto/tls")
	usage := fmt.Sprintf("Usage: %s [flags]\n\n%s It is there for scripts/bench to measure.\n", name, about)
	if status, done := program.Parse(flags, usage, args, stdout, stderr); done {
		return opts, status, true
	}
	if opts.Work = Works[*work]; *work == "echo" {
		if opts.Work = Echoes[*handler]; opts.Work == nil {
			return opts, program.Refuse(name, fmt.Errorf("-handler %s: use 1k, 64k, bufio or copy", *handler), stderr), true
		}
	}
	if opts.Work == nil {
		return opts, program.Refuse(name, fmt.Errorf("-work %s: use echo, sink or source", *work), stderr), true
	}
	if len(addresses.Addresses()) != 1 {
		return opts, program.Refuse(name, fmt.Errorf("one -listen is enough"), stderr), true
	}
	opts.Address = addresses.Addresses()[0]
	return opts, program.OK, false
}

// Main runs a peer that needs no more than its options and the address. It
// ends when the runner ends it: there is nothing to lose in a measurement.
func Main(name, about string, serve func(opts Options) error) {
	opts, status, done := Parse(name, about, os.Args[1:], os.Stdout, os.Stderr)
	if done {
		os.Exit(status)
	}
	if err := serve(opts); err != nil {
		os.Exit(program.Fail(name, err, os.Stderr))
	}
}
