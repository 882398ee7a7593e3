"""A client and a server on GSocketClient and GSocketService. The protocol is in doc.go.

The client blocks, on threads where it is several; the server is asynchronous.
"""

import hashlib
import sys
import threading

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

MESSAGES = (1, 100, 10_000)
HALF_CLOSE = 100_000
LARGE = 4 << 20
CHUNK = 64 << 10
BACKLOG = 128  # GIO's 10 is less than a crowd

# PyGObject makes a class when it is asked for the first time, and makes it twice for two threads at once.
GLib.Bytes.new(b"").get_data()


def pattern(size):
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def say(*words):
    print(*words, flush=True)


def address(text):
    kind, name = text.split(":", 1)
    if kind == "unix":
        return Gio.UnixSocketAddress(path=name)
    if kind == "abstract":
        return Gio.UnixSocketAddress(path=name, address_type=Gio.UnixSocketAddressType.ABSTRACT)
    host, port = name.rsplit(":", 1)
    return Gio.InetSocketAddress.new_from_string(host, int(port))


def read(conn, size=None):
    """Yields what comes: all of it, or so many bytes."""
    stream = conn.get_input_stream()
    while size is None or size > 0:
        data = stream.read_bytes(CHUNK if size is None else min(size, CHUNK), None).get_data()
        if not data:
            if size is None:
                return
            raise EOFError("the connection ended early")
        if size is not None:
            size -= len(data)
        yield data


# The client.


def exchange(conn, message):
    conn.get_output_stream().write_all(message, None)
    if b"".join(read(conn, len(message))) != message:
        raise ValueError("something else came back")


def client_echo(connect):
    conn = connect()
    for size in MESSAGES:
        exchange(conn, pattern(size))
    conn.close(None)
    say("echoed", sum(MESSAGES))


def client_halfclose(connect):
    conn = connect()
    data = pattern(HALF_CLOSE)
    conn.get_output_stream().write_all(data, None)
    conn.get_socket().shutdown(False, True)
    say("sent", len(data), hashlib.sha256(data).hexdigest())
    say("answered", b"".join(read(conn)).decode())
    conn.close(None)


def client_large(connect):
    conn = connect()
    data = pattern(LARGE)

    def send():
        conn.get_output_stream().write_all(data, None)
        conn.get_socket().shutdown(False, True)

    sender = threading.Thread(target=send)
    sender.start()
    size, received = 0, hashlib.sha256()
    for part in read(conn):
        size += len(part)
        received.update(part)
    sender.join()
    conn.close(None)
    say("sent", len(data), hashlib.sha256(data).hexdigest())
    say("received", size, received.hexdigest())


def client_crowd(connect, width, rounds):
    served = [0] * width

    def visit(i):
        for n in range(rounds):
            conn = connect()
            exchange(conn, b"%08d" % (i * rounds + n))
            conn.close(None)
            served[i] += 1

    visitors = [threading.Thread(target=visit, args=(i,)) for i in range(width)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    say("served", sum(served))


def client(scenario, where):
    # A GSocketClient each: an object of GObject's is for one thread at a time.
    def connect():
        return Gio.SocketClient(enable_proxy=False).connect(address(where), None)

    {
        "echo": client_echo,
        "halfclose": client_halfclose,
        "large": client_large,
        "many": lambda connect: client_crowd(connect, 50, 1),
        "restart": lambda connect: client_crowd(connect, 8, 25),
    }[scenario](connect)


# The server.


class Session:
    """One connection: reads, and tells the scenario of each piece and of the end."""

    def __init__(self, conn, scenario):
        self.conn, self.scenario = conn, scenario
        self.size, self.sum = 0, hashlib.sha256()
        self.read()

    def read(self):
        self.conn.get_input_stream().read_bytes_async(CHUNK, GLib.PRIORITY_DEFAULT, None, self.have_read)

    def write(self, data, then):
        # Not with write_all_async: a bytes object lives no longer than the call that begins it.
        left = GLib.Bytes.new(data)

        def wrote(stream, result):
            nonlocal left
            n = stream.write_bytes_finish(result)
            left = GLib.Bytes.new_from_bytes(left, n, left.get_size() - n)
            more()

        def more():
            if left.get_size() == 0:
                then()
                return
            self.conn.get_output_stream().write_bytes_async(left, GLib.PRIORITY_DEFAULT, None, wrote)

        more()

    def have_read(self, stream, result):
        data = stream.read_bytes_finish(result).get_data()
        if data:
            self.size += len(data)
            self.sum.update(data)
            if self.scenario == "large":
                self.write(data, self.read)
            else:
                self.read()
            return
        total = f"{self.size} {self.sum.hexdigest()}"
        say("received", total)
        if self.scenario == "large":
            self.conn.close(None)
        else:
            self.write(total.encode(), lambda: self.conn.close(None))


def echoed(stream, result, conn):
    stream.splice_finish(result)
    conn.close(None)


def server(scenario, where):
    loop = GLib.MainLoop()
    service = Gio.SocketService.new()
    service.set_backlog(BACKLOG)

    def incoming(service, conn, source):
        if scenario in ("halfclose", "large"):
            Session(conn, scenario)
        else:
            conn.get_output_stream().splice_async(
                conn.get_input_stream(), Gio.OutputStreamSpliceFlags.NONE, GLib.PRIORITY_DEFAULT, None, echoed, conn
            )
        return True

    service.connect("incoming", incoming)
    ok, effective = service.add_address(address(where), Gio.SocketType.STREAM, Gio.SocketProtocol.DEFAULT, None)
    if isinstance(effective, Gio.InetSocketAddress):
        where = "tcp:" + effective.to_string()
    say("listening", where)
    stdin = GLib.IOChannel.unix_new(0)
    GLib.io_add_watch(stdin, GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP, lambda *_: loop.quit())
    loop.run()


{"client": client, "server": server}[sys.argv[1]](*sys.argv[2:])
