"""Runs scenes.txt, its one argument, against GIO's own GSocketService.

It prints the version of GLib, then "SCENE<tab>STEP<tab>TEXT" for each line of a
scene, with the number of the step in which it was printed.
"""

import gc
import os
import socket
import struct
import sys
import tempfile
import threading
import time

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib, GObject  # noqa: E402

PATIENCE = 60
NEVER_IDLE = 1000


class Source(GObject.Object):
    def __init__(self, name):
        super().__init__()
        self.name = name


class Overridden(Gio.SocketService):
    """A subclass whose class handler prints and returns a constant."""

    def do_incoming(self, conn, source):
        return self.scene.take("class handler", self.answer, conn, source)


class Scene:
    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.step = 0
        self.lock = threading.Lock()
        self.addresses, self.clients, self.handlers = {}, {}, {}
        self.runs = self.incomings = 0
        self.kept = []
        self.gate = threading.Semaphore(0)
        self.criticals = self.warnings = 0
        self.context = GLib.MainContext.new()
        self.elsewhere = False

    def say(self, text):
        if self.step == 0:
            return  # the scene is over
        with self.lock:
            print(self.name, self.step, text, sep="\t", flush=True)

    # What GLib logs: once for each step and kind.

    def logged(self, level):
        if level & GLib.LogLevelFlags.LEVEL_CRITICAL:
            self.criticals += 1
        elif level & GLib.LogLevelFlags.LEVEL_WARNING:
            self.warnings += 1

    def run(self, steps):
        self.context.push_thread_default()
        for step in steps:
            self.step += 1
            self.criticals = self.warnings = 0
            word, *args = step.split()
            getattr(self, "do_" + word.replace("-", "_"))(*args)
            if self.criticals:
                self.say("critical")
            if self.warnings:
                self.say("warning")
        self.step = 0
        self.service.stop()
        self.settle()
        self.service.close()
        for client in self.clients.values():
            client.close()
        self.context.pop_thread_default()

    # The service.

    def do_service(self, *options):
        active = "inactive" not in options
        options = dict(o.split("=") for o in options if "=" in o)
        if "class" in options:
            self.service = Overridden(active=active)
            self.service.scene, self.service.answer = self, options["class"] == "true"
        elif "threads" in options:
            self.service = Gio.ThreadedSocketService(active=active, max_threads=int(options["threads"]))
        else:
            self.service = Gio.SocketService(active=active)

    def do_notify(self):
        self.service.connect("notify::active", lambda s, _: self.say(f"notify {self.truth(s.get_property('active'))}"))

    def do_events(self):
        self.service.connect("event", lambda s, event, sock: self.say(f"event {event.value_nick}"))

    @staticmethod
    def truth(value):
        return "true" if value else "false"

    def take(self, what, answer, conn, source):
        if source is not None:
            what += f" source={source.name}"
        try:
            nowhere = conn.get_remote_address() is None
        except GLib.Error:  # PyGObject's way to tell of a NULL with an error
            nowhere = True
        if nowhere:
            what += " from nowhere"
        if self.elsewhere:
            what += " on the default context"
        self.say(what)
        if answer == "keep":
            self.kept.append(conn)
        elif answer and answer != "drop":
            self.answer(conn, what.split()[0])
        self.incomings += 1
        return bool(answer)

    @staticmethod
    def answer(conn, text):
        conn.get_output_stream().write_all(text.encode(), None)
        conn.close(None)

    def do_handler(self, name, answer):
        def incoming(service, conn, source):
            if answer == "stop":
                service.stop()
            return self.take(name, answer != "false" and answer, conn, source)

        self.handlers[name] = self.service.connect("incoming", incoming)

    def do_disconnect(self, name):
        self.service.disconnect(self.handlers[name])

    def do_block(self, name):
        self.service.handler_block(self.handlers[name])

    def do_unblock(self, name):
        self.service.handler_unblock(self.handlers[name])

    def do_collect(self):
        gc.collect()

    def do_on_thread(self, word):
        self.thread = threading.Thread(target=getattr(self.service, word))
        self.thread.start()
        self.thread.join(PATIENCE)
        self.say(f"{word} waits" if self.thread.is_alive() else f"{word} has returned")

    def do_await_thread(self):
        self.until(lambda: not self.thread.is_alive())

    def do_run(self, name, hold=None):
        def run(service, conn, source):
            self.say(f"run {name}" + (f" source={source.name}" if source is not None else ""))
            self.runs += 1
            if hold:
                self.gate.acquire()
            self.answer(conn, name)
            return True

        self.service.connect("run", run)

    def do_release(self, n):
        self.gate.release(int(n))

    def do_active(self):
        self.say(self.truth(self.service.is_active()))

    def do_set_active(self, value):
        self.service.set_property("active", value == "true")

    def do_start(self):
        self.service.start()

    def do_stop(self):
        self.service.stop()

    def do_close(self):
        self.service.close()

    def do_backlog(self, n):
        self.service.set_backlog(int(n))

    # Addresses.

    def where(self, name, word):
        if word.startswith("="):
            return self.addresses[word[1:]]
        path = os.path.join(self.folder, f"{self.name}-{name}")
        if word == "abstract":
            return Gio.UnixSocketAddress(path="glibserve-scene" + path, address_type=Gio.UnixSocketAddressType.ABSTRACT)
        if word == "tcp":
            return Gio.InetSocketAddress.new_from_string("127.0.0.1", 0)
        if word == "foreign":
            return Gio.InetSocketAddress.new_from_string("192.0.2.1", 0)
        if word == "malformed":
            return Gio.InetSocketAddress.new_from_string("300.0.0.1", 0)
        if word == "nodir":
            path = os.path.join(path, "s")
        elif word == "long":
            path += "x" * 108
        elif word == "file":
            open(path, "w").close()
        elif word == "stale":
            left = socket.socket(socket.AF_UNIX)
            left.bind(path)
            left.close()
        return Gio.UnixSocketAddress(path=path)

    def added(self, name, add):
        try:
            ok = add()
        except GLib.Error as e:
            self.say(f"{name}: {e.domain} {e.code}")
            return
        if isinstance(ok, tuple):
            self.addresses[name] = ok[1] if len(ok) > 1 else None
        elif not ok:
            self.say(f"{name}: refused without an error")
            return
        self.say(f"{name}: ok")

    def do_add(self, name, word, source=None):
        if source is not None:
            source = Source(source.split("=")[1])
        try:
            address = self.where(name, word)
        except TypeError:  # PyGObject's, when a constructor returns NULL
            self.say(f"{name}: refused without an error")
            return
        self.added(
            name,
            lambda: self.service.add_address(address, Gio.SocketType.STREAM, Gio.SocketProtocol.DEFAULT, source),
        )

    def do_inet_port(self, name, word):
        port = self.addresses[word[1:]].get_port() if word.startswith("=") else int(word)
        self.added(name, lambda: self.service.add_inet_port(port, None))

    def do_exists(self, name):
        self.say(self.truth(os.path.exists(self.addresses[name].get_path())))

    # Clients.

    def connect(self, where):
        address = self.addresses[where]
        if isinstance(address, Gio.InetSocketAddress):
            client = socket.create_connection(("127.0.0.1", address.get_port()))
        else:
            path = address.get_path()
            client = socket.socket(socket.AF_UNIX)
            client.connect(path if os.path.isabs(path) else "\0" + path)
        client.setblocking(False)
        return client

    def do_client(self, name, where):
        self.clients[name] = self.connect(where)

    def do_reset(self, name, where):
        client = self.connect(where)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()

    def got(self, name):
        try:
            data = self.clients[name].recv(100)
        except BlockingIOError:
            return None
        except ConnectionError:
            data = b""
        return f"{name}: answered by {data.decode()}" if data else f"{name}: closed without an answer"

    def do_see(self, name):
        self.say(self.got(name) or f"{name}: waits")

    # The main contexts.

    def settle(self):
        for _ in range(NEVER_IDLE):
            if not self.context.iteration(False):
                return True
        return False

    def do_settle(self):
        if not self.settle():
            self.say("never idle")

    def until(self, done):
        end = time.monotonic() + PATIENCE
        while not (result := done()):
            if time.monotonic() > end:
                self.say("nothing came")
                return None
            self.elsewhere = False
            busy = self.context.iteration(False)
            self.elsewhere = True
            busy = GLib.MainContext.default().iteration(False) or busy
            self.elsewhere = False
            if not busy:
                time.sleep(0.001)
        return result

    def do_await(self, name):
        result = self.until(lambda: self.got(name))
        if result:
            self.say(result)

    def do_await_run(self, n):
        self.until(lambda: self.runs >= int(n))

    def do_await_incoming(self, n):
        self.until(lambda: self.incomings >= int(n))


def scenes(path):
    found = []
    with open(path) as script:
        for line in script:
            line = line.strip()
            if line.startswith("scene "):
                found.append((line.split()[1], []))
            elif line and not line.startswith("#"):
                found[-1][1].append(line)
    return found


def main():
    current = None

    def logged(domain, level, message, _):
        if current is not None:
            current.logged(level)

    def crash(*what):
        sys.__excepthook__(*what)
        sys.stderr.flush()
        os._exit(1)

    sys.excepthook = crash  # also for what is raised in a handler
    GLib.log_set_handler("GLib-GIO", GLib.LogLevelFlags.LEVEL_MASK, logged, None)
    print(GLib.MAJOR_VERSION, GLib.MINOR_VERSION, GLib.MICRO_VERSION, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, steps in scenes(sys.argv[1]):
            current = Scene(name, folder)
            current.run(steps)


main()
