// A client and a server on GSocketClient and GSocketService. The protocol is in doc.go.
//
// All of it is asynchronous, with promises: JavaScript has one thread.

imports.gi.versions.Gio = '2.0';
const {Gio, GLib} = imports.gi;

const messages = [1, 100, 10000];
const halfClose = 100000;
const large = 4 << 20;
const chunk = 64 << 10;
const backlog = 128; // GIO's 10 is less than a crowd

Gio._promisify(Gio.SocketClient.prototype, 'connect_async', 'connect_finish');
Gio._promisify(Gio.InputStream.prototype, 'read_bytes_async', 'read_bytes_finish');
Gio._promisify(Gio.OutputStream.prototype, 'write_bytes_async', 'write_bytes_finish');
Gio._promisify(Gio.OutputStream.prototype, 'splice_async', 'splice_finish');

const loop = new GLib.MainLoop(null, false);
let status = 0;

// ARGV, print and Uint8Array are there in every gjs.
function pattern(size) {
    const data = new Uint8Array(size);
    for (let i = 0; i < size; i++)
        data[i] = i % 251;
    return data;
}

function address(text) {
    const colon = text.indexOf(':');
    const kind = text.slice(0, colon), name = text.slice(colon + 1);
    if (kind === 'unix')
        return new Gio.UnixSocketAddress({path: name});
    if (kind === 'abstract')
        return new Gio.UnixSocketAddress({path: name, address_type: Gio.UnixSocketAddressType.ABSTRACT});
    const last = name.lastIndexOf(':');
    return Gio.InetSocketAddress.new_from_string(name.slice(0, last), Number(name.slice(last + 1)));
}

// Tally counts and sums up what passes.
class Tally {
    constructor() {
        this.size = 0;
        this.sum = new GLib.Checksum(GLib.ChecksumType.SHA256);
    }

    add(data) {
        this.size += data.length;
        this.sum.update(data);
    }

    toString() {
        return `${this.size} ${this.sum.get_string()}`;
    }
}

function tallied(data) {
    const tally = new Tally();
    tally.add(data);
    return tally;
}

async function read(conn, size = chunk) {
    const bytes = await conn.get_input_stream().read_bytes_async(size, GLib.PRIORITY_DEFAULT, null);
    return bytes.toArray();
}

// Not with write_all_async: an array lives no longer than the call that begins it.
async function write(conn, data) {
    let left = new GLib.Bytes(data);
    while (left.get_size() > 0) {
        const n = await conn.get_output_stream().write_bytes_async(left, GLib.PRIORITY_DEFAULT, null);
        left = left.new_from_bytes(n, left.get_size() - n);
    }
}

// The client.

async function exchange(conn, message) {
    await write(conn, message);
    for (let had = 0; had < message.length;) {
        const data = await read(conn, message.length - had);
        if (data.length === 0)
            throw new Error('the connection ended early');
        for (const byte of data) {
            if (byte !== message[had++])
                throw new Error('something else came back');
        }
    }
}

async function clientEcho(connect) {
    const conn = await connect();
    let total = 0;
    for (const size of messages) {
        await exchange(conn, pattern(size));
        total += size;
    }
    conn.close(null);
    print('echoed', total);
}

async function clientHalfClose(connect) {
    const conn = await connect();
    const data = pattern(halfClose);
    await write(conn, data);
    conn.get_socket().shutdown(false, true);
    print('sent', tallied(data));
    let answer = '';
    for (let part = await read(conn); part.length > 0; part = await read(conn))
        answer += String.fromCharCode(...part);
    print('answered', answer);
    conn.close(null);
}

async function clientLarge(connect) {
    const conn = await connect();
    const data = pattern(large);
    const send = async () => {
        await write(conn, data);
        conn.get_socket().shutdown(false, true);
    };
    const receive = async () => {
        const tally = new Tally();
        for (let part = await read(conn); part.length > 0; part = await read(conn))
            tally.add(part);
        return tally;
    };
    const [, received] = await Promise.all([send(), receive()]);
    conn.close(null);
    print('sent', tallied(data));
    print('received', received);
}

async function clientCrowd(connect, width, rounds) {
    const visit = async i => {
        let served = 0;
        for (let n = 0; n < rounds; n++) {
            const conn = await connect();
            const number = String(i * rounds + n).padStart(8, '0');
            await exchange(conn, Uint8Array.from(number, c => c.charCodeAt(0)));
            conn.close(null);
            served++;
        }
        return served;
    };
    const visits = [];
    for (let i = 0; i < width; i++)
        visits.push(visit(i));
    const served = await Promise.all(visits);
    print('served', served.reduce((a, b) => a + b, 0));
}

async function client(scenario, where) {
    const client = new Gio.SocketClient({enable_proxy: false});
    const connect = () => client.connect_async(address(where), null);
    await {
        echo: clientEcho,
        halfclose: clientHalfClose,
        large: clientLarge,
        many: connect => clientCrowd(connect, 50, 1),
        restart: connect => clientCrowd(connect, 8, 25),
    }[scenario](connect);
}

// The server.

async function serve(conn, scenario) {
    const tally = new Tally();
    for (let part = await read(conn); part.length > 0; part = await read(conn)) {
        tally.add(part);
        if (scenario === 'large')
            await write(conn, part);
    }
    const total = tally.toString();
    print('received', total);
    if (scenario === 'halfclose')
        await write(conn, Uint8Array.from(total, c => c.charCodeAt(0)));
    conn.close(null);
}

async function echo(conn) {
    await conn.get_output_stream().splice_async(conn.get_input_stream(),
        Gio.OutputStreamSpliceFlags.NONE, GLib.PRIORITY_DEFAULT, null);
    conn.close(null);
}

let service = null;
let live = 0;
let ended = false;

// Not before the last session has ended: gjs does not survive the end of the
// program while something asynchronous is going on.
function quitIfOver() {
    if (ended && live === 0)
        loop.quit();
}

function server(scenario, where) {
    service = new Gio.SocketService();
    service.set_backlog(backlog);
    service.connect('incoming', (_service, conn) => {
        const session = ['halfclose', 'large'].includes(scenario) ? serve(conn, scenario) : echo(conn);
        live++;
        session.catch(failed).then(() => {
            live--;
            quitIfOver();
        });
        return true;
    });
    const [, effective] = service.add_address(address(where), Gio.SocketType.STREAM, Gio.SocketProtocol.DEFAULT, null);
    print('listening', effective instanceof Gio.InetSocketAddress ? `tcp:${effective.to_string()}` : where);
    GLib.io_add_watch(GLib.IOChannel.unix_new(0), GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP, () => {
        ended = true;
        quitIfOver();
        return GLib.SOURCE_REMOVE;
    });
}

function failed(error) {
    printerr(error, error.stack);
    status = 1;
    loop.quit();
}

const [role, ...rest] = ARGV;
if (role === 'client')
    client(...rest).then(() => loop.quit()).catch(failed);
else
    server(...rest);
loop.run();
imports.system.exit(status);
