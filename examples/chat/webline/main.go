// Command webline comes into the chat by the door for browsers, as the page
// does, but from a shell.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/coder/websocket"

	"github.com/glibserve/glibserve/examples/shared/program"
)

const usage = `Usage: webline [flags]

Comes into the chat as its web page does. Each line of standard input is sent,
each event is printed as a line of JSON, and how the server ended it as the
last.

    webline -url ws://127.0.0.1:9080/ws
`

func main() { program.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	const name = "webline"
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	url := flags.String("url", "ws://127.0.0.1:9080/ws", "`address` of the chat's WebSocket")
	if status, done := program.Parse(flags, usage, args, stdout, stderr); done {
		return status
	}
	if err := talk(ctx, *url, os.Stdin, stdout); err != nil {
		return program.Fail(name, err, stderr)
	}
	return program.OK
}

// talk passes lines on until the server ends the connection in good order,
// which is no error, or ctx is done.
func talk(ctx context.Context, address string, in io.Reader, out io.Writer) error {
	dialling, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(dialling, address, nil)
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(1 << 20)
	go func() {
		// The end of the input is not that of the conversation.
		for lines := bufio.NewScanner(in); lines.Scan(); {
			if conn.Write(ctx, websocket.MessageText, lines.Bytes()) != nil {
				return
			}
		}
	}()
	for {
		_, message, err := conn.Read(ctx)
		var end websocket.CloseError
		switch {
		case errors.As(err, &end):
			fmt.Fprintf(out, `{"kind":"closed","code":%d}`+"\n", end.Code)
			return nil
		case ctx.Err() != nil:
			return conn.Close(websocket.StatusNormalClosure, "")
		case err != nil:
			return err
		}
		var events []json.RawMessage
		if err := json.Unmarshal(message, &events); err != nil {
			return err
		}
		for _, event := range events {
			if _, err := fmt.Fprintf(out, "%s\n", event); err != nil {
				return err
			}
		}
	}
}
