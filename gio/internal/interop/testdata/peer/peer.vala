// A client and a server on GSocketClient and GSocketService. The protocol is in doc.go.
//
// All of it is asynchronous, with Vala's own async methods.

// A namespace, or send would be libc's to all that is linked to it.
namespace Peer {
	const size_t[] MESSAGES = { 1, 100, 10000 };
	const size_t HALF_CLOSE = 100000;
	const size_t LARGE = 4 << 20;
	const size_t CHUNK = 64 << 10;
	const int BACKLOG = 128; // GIO's 10 is less than a crowd

	uint8[] pattern (size_t size) {
		var data = new uint8[size];
		for (size_t i = 0; i < size; i++)
			data[i] = (uint8) (i % 251);
		return data;
	}

	void say (string line) {
		stdout.puts (line + "\n");
		stdout.flush ();
	}

	SocketAddress address (string text) {
		var colon = text.index_of (":");
		var kind = text[0:colon];
		var name = text.substring (colon + 1);
		if (kind == "unix")
			return new UnixSocketAddress (name);
		if (kind == "abstract")
			return new UnixSocketAddress.with_type (name, -1, UnixSocketAddressType.ABSTRACT);
		var last = name.last_index_of (":");
		return new InetSocketAddress.from_string (name[0:last], (uint) uint64.parse (name.substring (last + 1)));
	}

	// Tally counts and sums up what passes.
	class Tally : Object {
		private size_t size = 0;
		private Checksum sum = new Checksum (ChecksumType.SHA256);

		public void add (uint8[] data) {
			size += data.length;
			sum.update (data, data.length);
		}

		public string text () {
			return "%zu %s".printf (size, sum.get_string ());
		}
	}

	string tallied (uint8[] data) {
		var tally = new Tally ();
		tally.add (data);
		return tally.text ();
	}

	// The client.

	async void exchange (SocketConnection conn, uint8[] message) throws Error {
		size_t had;
		yield conn.output_stream.write_all_async (message, Priority.DEFAULT, null, null);
		var back = new uint8[message.length];
		yield conn.input_stream.read_all_async (back, Priority.DEFAULT, null, out had);
		if (had < message.length)
			throw new IOError.FAILED ("the connection ended early");
		if (Memory.cmp (back, message, message.length) != 0)
			throw new IOError.FAILED ("something else came back");
	}

	async void send (SocketConnection conn, uint8[] data) throws Error {
		yield conn.output_stream.write_all_async (data, Priority.DEFAULT, null, null);
		conn.socket.shutdown (false, true);
	}

	async Tally receive (SocketConnection conn) throws Error {
		var tally = new Tally ();
		while (true) {
			var part = yield conn.input_stream.read_bytes_async (CHUNK);
			if (part.get_size () == 0)
				return tally;
			tally.add (part.get_data ());
		}
	}

	class Client : Object {
		private SocketClient client = new SocketClient ();
		private SocketAddress to;
		private uint visitors = 0;
		private uint served = 0;
		private Error? failure = null;

		public Client (SocketAddress to) {
			client.enable_proxy = false;
			this.to = to;
		}

		public async void run (string scenario) throws Error {
			switch (scenario) {
			case "echo":
				yield echo ();
				break;
			case "halfclose":
				yield half_close ();
				break;
			case "large":
				yield large ();
				break;
			case "many":
				yield crowd (50, 1);
				break;
			case "restart":
				yield crowd (8, 25);
				break;
			default:
				throw new IOError.INVALID_ARGUMENT ("no scenario " + scenario);
			}
		}

		private async void echo () throws Error {
			var conn = yield client.connect_async (to);
			size_t total = 0;
			foreach (var size in MESSAGES) {
				yield exchange (conn, pattern (size));
				total += size;
			}
			conn.close ();
			say ("echoed %zu".printf (total));
		}

		private async void half_close () throws Error {
			var conn = yield client.connect_async (to);
			var data = pattern (HALF_CLOSE);
			yield send (conn, data);
			say ("sent " + tallied (data));
			var answer = new StringBuilder ();
			while (true) {
				var part = yield conn.input_stream.read_bytes_async (CHUNK);
				if (part.get_size () == 0)
					break;
				answer.append_len ((string) part.get_data (), (ssize_t) part.get_size ());
			}
			say ("answered " + answer.str);
			conn.close ();
		}

		private async void large () throws Error {
			var conn = yield client.connect_async (to);
			var data = pattern (LARGE);
			Error? sending = null;
			var left = 2;
			SourceFunc both = large.callback;
			send.begin (conn, data, (_, result) => {
				try {
					send.end (result);
				} catch (Error e) {
					sending = e;
				}
				if (--left == 0)
					Idle.add ((owned) both);
			});
			var received = yield receive (conn);
			if (--left > 0)
				yield;
			if (sending != null)
				throw sending;
			conn.close ();
			say ("sent " + tallied (data));
			say ("received " + received.text ());
		}

		private async void visit (uint i, uint rounds) throws Error {
			for (uint n = 0; n < rounds; n++) {
				var conn = yield client.connect_async (to);
				yield exchange (conn, "%08u".printf (i * rounds + n).data);
				conn.close ();
				served++;
			}
		}

		private async void crowd (uint width, uint rounds) throws Error {
			visitors = width;
			for (uint i = 0; i < width; i++) {
				visit.begin (i, rounds, (_, result) => {
					try {
						visit.end (result);
					} catch (Error e) {
						failure = e;
					}
					if (--visitors == 0)
						crowd.callback ();
				});
			}
			yield;
			if (failure != null)
				throw failure;
			say ("served %u".printf (served));
		}
	}

	// The server.

	async void serve (SocketConnection conn, string scenario) throws Error {
		if (scenario != "halfclose" && scenario != "large") {
			yield conn.output_stream.splice_async (conn.input_stream, OutputStreamSpliceFlags.NONE);
			conn.close ();
			return;
		}
		var tally = new Tally ();
		while (true) {
			var part = yield conn.input_stream.read_bytes_async (CHUNK);
			if (part.get_size () == 0)
				break;
			tally.add (part.get_data ());
			if (scenario == "large")
				yield conn.output_stream.write_all_async (part.get_data (), Priority.DEFAULT, null, null);
		}
		say ("received " + tally.text ());
		if (scenario == "halfclose")
			yield conn.output_stream.write_all_async (tally.text ().data, Priority.DEFAULT, null, null);
		conn.close ();
	}

	int main (string[] args) {
		var loop = new MainLoop ();
		var status = 0;
		var scenario = args[2];
		var service = new SocketService ();
		service.set_backlog (BACKLOG);
		if (args[1] == "client") {
			var client = new Client (address (args[3]));
			client.run.begin (scenario, (_, result) => {
				try {
					client.run.end (result);
				} catch (Error e) {
					stderr.printf ("%s\n", e.message);
					status = 1;
				}
				loop.quit ();
			});
		} else {
			service.incoming.connect ((conn, source) => {
				serve.begin (conn, scenario, (_, result) => {
					try {
						serve.end (result);
					} catch (Error e) {
						stderr.printf ("%s\n", e.message);
					}
				});
				return true;
			});
			try {
				SocketAddress effective;
				service.add_address (address (args[3]), SocketType.STREAM, SocketProtocol.DEFAULT, null, out effective);
				say ("listening " + ((effective is InetSocketAddress) ? "tcp:" + effective.to_string () : args[3]));
			} catch (Error e) {
				stderr.printf ("%s\n", e.message);
				return 1;
			}
			var stdin_channel = new IOChannel.unix_new (0);
			stdin_channel.add_watch (IOCondition.IN | IOCondition.HUP, () => {
				loop.quit ();
				return false;
			});
		}
		loop.run ();
		return status;
	}
}
