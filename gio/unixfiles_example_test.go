package gio_test

import (
	"fmt"
	"log"
	"os"

	"github.com/glibserve/glibserve/gio"
)

func ExampleSocketConnection_SendFiles() {
	a, b, err := gio.SocketPair()
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	if err := a.SendFiles(os.Stdin, os.Stdout, os.Stderr); err != nil {
		log.Fatal(err)
	}
	files, err := b.ReceiveFiles(3)
	for _, f := range files {
		defer f.Close()
	}
	fmt.Println(len(files), err)
	// Output: 3 <nil>
}

func ExampleSocketPair() {
	a, b, err := gio.SocketPair("unixpacket")
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	fmt.Fprint(a, "one")
	fmt.Fprint(a, "two")
	buf := make([]byte, 100)
	n, err := b.Read(buf)
	fmt.Println(string(buf[:n]), err)
	// Output: one <nil>
}
