import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib


def echoed(output, result, conn):
    output.splice_finish(result)
    conn.close()


def incoming(service, conn, source):
    conn.get_output_stream().splice_async(
        conn.get_input_stream(), Gio.OutputStreamSpliceFlags.NONE, GLib.PRIORITY_DEFAULT, None, echoed, conn
    )
    return True


service = Gio.SocketService.new()
service.connect("incoming", incoming)
addr = Gio.InetSocketAddress.new_from_string("127.0.0.1", 9000)
_, addr = service.add_address(addr, Gio.SocketType.STREAM, Gio.SocketProtocol.DEFAULT, None)
print("listening on", addr.to_string(), flush=True)
GLib.MainLoop().run()
