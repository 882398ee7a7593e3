// Package interop has no code: its tests run this library against programs that
// others write on GIO.
//
// # Peers
//
// testdata/peer has one program four times, on the system's GIO: in C, in Python
// (PyGObject), in JavaScript (gjs) and in Vala. Each is a client on
// GSocketClient and a server on GSocketService. Each client is run against our
// SocketService, and our SocketClient against each server, over TCP, Unix
// sockets by path and by abstract name. The command line is
//
//	peer client SCENARIO ADDRESS
//	peer server SCENARIO ADDRESS
//
// where ADDRESS is tcp:HOST:PORT, unix:PATH or abstract:NAME. A server prints
// "listening ADDRESS", with the port that it got, and ends when its standard
// input does. What both print else are results; a peer that fails says why on
// standard error and ends with a status that is not 0. All data is bytes that
// count from 0 to 250 and begin again. The scenarios:
//
//   - echo: three messages, each sent back before the next one.
//     The client prints "echoed BYTES".
//   - halfclose: the client sends 100,000 bytes and ends its half; only then does
//     the server answer, with the number and the SHA-256 of what came. The client prints
//     "sent NUMBER SUM" and "answered NUMBER SUM", the server "received NUMBER SUM".
//   - large: 4 MiB each way at the same time, by a server that sends back what
//     comes. The client prints "sent NUMBER SUM" and "received NUMBER SUM",
//     the server "received NUMBER SUM".
//   - many: 50 clients of one process, who send 8 bytes and want them back. Nobody
//     is answered before all have come. The client prints "served CLIENTS".
//   - restart: 8 clients at a time, 200 in all, while the service is stopped and
//     started. None may be lost. The client prints "served CLIENTS". Only for our
//     service: before 2.85.3 GIO loses clients here.
//
// # Differences
//
// testdata/scenes.txt has scripts of what can be done with a GSocketService.
// testdata/scenes.py runs them against GIO's own, TestScenes against ours, and
// what the two print is compared line by line. DIFFERENCES.md lists where they may
// differ, with the reason, and a difference that is gone has to leave the list.
//
// # Echo
//
// testdata/echo has MAPPING.md's echo server, in Go, C and Python. MAPPING.md
// shows these very files.
package interop
